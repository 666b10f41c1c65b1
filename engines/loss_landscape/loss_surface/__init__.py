"""Surfaces and curves of the loss around, and between, points of parameter space."""
