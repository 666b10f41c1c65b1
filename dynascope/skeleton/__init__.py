"""Skeleton: gradient descent on a parabola. `launch.py new engine NAME` writes this folder under another name."""

from .engine import ENGINE

__all__ = ["ENGINE"]
