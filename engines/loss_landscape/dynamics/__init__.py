"""Dynamics: training, sampling by chains, draws in a box, and what is observed of them."""
