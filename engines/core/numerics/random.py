"""Random draws, made by numpy on the CPU so that no run depends on its device."""

from __future__ import annotations

import numpy as np


def orthonormal(stream: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Q factor of a standard Gaussian matrix."""
    return np.linalg.qr(stream.standard_normal((rows, columns)))[0]
