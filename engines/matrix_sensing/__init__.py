"""Matrix sensing by gradient descent (Xiong, Ding, Du 2023)."""

from engines.matrix_sensing.engine import ENGINE

__all__ = ["ENGINE"]
