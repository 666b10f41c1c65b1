"""What is concluded from recorded curves: fits, verdicts, comparisons, probes."""
