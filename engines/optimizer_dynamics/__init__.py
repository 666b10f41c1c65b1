"""Optimiser dynamics: which optimiser learns what, when, and why."""

from engines.optimizer_dynamics.engine import ENGINE

__all__ = ["ENGINE"]
