"""Ratios: against the machine's matrix-product rate, plain loops, public patterns, and the engine alone."""
