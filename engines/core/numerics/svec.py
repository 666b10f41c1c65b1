"""Symmetric matrices by their upper triangle: half the numbers of the full ones."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor


class UpperTriangle:
    """Coordinates of symmetric n x n matrices: their upper triangle.

    With `weights` (1 on the diagonal, sqrt 2 off it) they are svec, which is isometric:
    `<A, E> = sum_j weights_j² A_j E_j`. The weights are folded into the operator once, not into E at each step.
    """

    def __init__(self, n: int, like: Tensor, exact: bool) -> None:
        i, j = torch.triu_indices(n, n, device=like.device)
        place = torch.empty(n, n, dtype=torch.long, device=like.device)
        place[i, j] = place[j, i] = torch.arange(len(i), device=like.device)
        self._above, self._below, self._back, self._n = i * n + j, j * n + i, place.flatten(), n
        self._exact = exact
        self.weights = torch.ones(len(i), dtype=like.dtype, device=like.device).masked_fill(i != j, sqrt(2))

    def upper(self, E: Tensor) -> Tensor:
        """Take the upper triangle `[B, n(n+1)/2]` of `sym E [B, n, n]`; `exact` says that E is symmetric already."""
        above = _columns(E.flatten(1), self._above)
        return above if self._exact else 0.5 * (above + _columns(E.flatten(1), self._below))

    def svec(self, A: Tensor) -> Tensor:
        """Compute isometric coordinates `[m, n(n+1)/2]` of `sym A [m, n, n]`."""
        return self.upper(0.5 * (A + A.mT)) * self.weights

    def mirrored(self, upper: Tensor) -> Tensor:
        """Build the symmetric matrices `[B, n, n]` with these upper triangles."""
        return _columns(upper, self._back).view(-1, self._n, self._n)


def _columns(values: Tensor, places: Tensor) -> Tensor:
    """Columns `[B, p]` of `values [B, N]` at `places [p]`; for many rows quicker than `index_select`."""
    return values.gather(1, places.expand(len(values), -1))
