"""Experiments and runs: what to compute, what came of it, and how it is repeated."""
