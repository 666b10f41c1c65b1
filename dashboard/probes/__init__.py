"""Expensive observables: their cards, jobs, results and pictures."""
