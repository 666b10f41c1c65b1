"""The measurements of a batch: `A(X)_i = <A_i, X>` and its adjoint, for members that may share their A_i.

A symmetric X only sees sym(A_i), so both are products with svec(sym(A_i)): half the memory and time of the full
matrices, the same law.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from engines.core.compute.batching import Groups, scattered
from engines.core.compute.device import widest_real
from engines.core.numerics.svec import UpperTriangle


class Sensing:
    """Measurement maps of a batch: each M `[m, d(d+1)/2]` with the places of the members that it serves."""

    def __init__(self, d: int, operators: Groups) -> None:
        first: Tensor = operators[0][0]
        self.operators, self.m, self._dtype = operators, len(first), first.dtype
        self._wide = widest_real(first.device)
        self.triangle = UpperTriangle(d, first.new_empty(0, dtype=self._wide), exact=True)
        self._shares = self.m * self.triangle.weights

    def forward(self, X: Tensor) -> Tensor:
        """Measure: `<A_i, X>`, `[B, m]`, of symmetric X `[B, d, d]`."""
        x = self.triangle.upper(X).mul_(self.triangle.weights).to(self._dtype)
        return scattered(self.operators, lambda M, i: x[i] @ M.mT).to(X.dtype)

    def adjoint(self, z: Tensor) -> Tensor:
        """Adjoint `(1/m) sum_i z_i sym(A_i)`, `[B, m] -> [B, d, d]`."""
        x = scattered(self.operators, lambda M, i: z[i].to(self._dtype) @ M).to(z.dtype)
        return self.triangle.mirrored(x.div_(self._shares))

    def rows(self, member: int) -> Tensor:
        """Matrix M `[m, d(d+1)/2]` of one member."""
        for M, places in self.operators:
            if isinstance(places, slice) or bool((places == member).any()):
                return M
        raise IndexError(member)


def tensors(matrices: Sequence[np.ndarray], precision: str, device: torch.device) -> list[Tensor]:
    """Put measurement matrices, `[m, d(d+1)/2]` each, on a device in the chosen precision."""
    dtype = torch.float32 if precision == "fp32" else widest_real(device)
    return [torch.as_tensor(M, dtype=dtype, device=device) for M in matrices]
