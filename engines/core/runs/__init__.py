"""Experiments and runs: a description of what to compute, its result, and how it is repeated."""
