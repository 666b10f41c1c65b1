"""Perturbation analysis of neural collapse (Tirer, Huang, Niles-Weed 2023)."""

from engines.neural_collapse.engine import ENGINE

__all__ = ["ENGINE"]
