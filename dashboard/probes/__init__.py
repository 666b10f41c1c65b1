"""Expensive observables: how a probe is asked for (panel, card, form), computed (job) and shown (picture)."""
