"""Trained networks: multilayer perceptrons on real data, several of them as one batch."""
