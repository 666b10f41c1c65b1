"""Random draws, made by numpy on the CPU so that no run depends on its device."""

from __future__ import annotations

import numpy as np


def orthonormal(stream: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Draw the Q factor of a standard Gaussian matrix, `[rows, columns]`."""
    return np.linalg.qr(stream.standard_normal((rows, columns)))[0]
