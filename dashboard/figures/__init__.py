"""Figures of a run, the curves laid over them, and their tables."""
