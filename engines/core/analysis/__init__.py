"""Conclusions from recorded curves: fits, verdicts, comparisons, probes."""
