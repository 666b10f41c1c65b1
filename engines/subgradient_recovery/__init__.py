"""Robust low-rank recovery by the sub-gradient method (Ma, Fattahi 2022)."""

from engines.subgradient_recovery.engine import ENGINE

__all__ = ["ENGINE"]
