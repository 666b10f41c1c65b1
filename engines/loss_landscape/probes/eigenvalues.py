"""The spectrum of a Hessian: all of it where that is cheap, else what Lanczos steps see of it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.numerics import lapack
from engines.loss_landscape.hessian import spectral_density as slq
from engines.loss_landscape.hessian.dense import matrix
from engines.loss_landscape.hessian.lanczos import rademacher
from engines.loss_landscape.hessian.spectral_density import RESOLVED, Count, Spectrum
from engines.loss_landscape.probes.landscape import Landscape

DENSE = 1500
"""Parameters up to which the matrix is made."""

MEMORY = 2e7
"""Numbers that the outputs of products made at once may take."""


class Eigenvalues(NamedTuple):
    """As nodes of quadrature; of a dense matrix one probe that sees every eigenvalue."""

    seen: Spectrum
    vectors: Tensor | None
    """Eigenvectors `[P, P]` of a dense matrix."""

    @property
    def dense(self) -> bool:
        """Whether every eigenvalue is known."""
        return self.vectors is not None

    @property
    def least(self) -> float:
        """The most negative one; of Lanczos steps, an upper bound of it."""
        return float(self.seen.nodes.min())

    @property
    def largest(self) -> float:
        """The largest; of Lanczos steps, a lower bound of it."""
        return float(self.seen.top)

    def count(self, b: Tensor, gamma: float) -> Count:
        """`N_eff` at temperatures `b [T]`; NaN where the steps are too few."""
        return slq.soft_count(self.seen, b, gamma)

    def note(self, b: float, gamma: float) -> str:
        """What is to be said of the count at a temperature; "" where nothing is."""
        one = self.count(torch.tensor([b], dtype=torch.float64), gamma)
        few = f"{self.seen.nodes.shape[-1]} Lanczos steps are {float(one.ratio):.2g} of √(b h_max/γ)"
        if bool(one.refused):
            return f"{few}: too few to count parameters at b = {b:.3g}; {slq.REFUSED} are the least"
        if not bool(one.coarse):
            return ""
        return (
            f"{few}, below {RESOLVED}: the count at b = {b:.3g} may be off by more than its error, which sees the "
            "random vectors alone; as a rule it is too large. Take more steps"
        )


def chunk(one: Landscape) -> int:
    """Products that are made at once."""
    outputs = one.star[None, None] if one.outputs is None else one.outputs(one.star)
    return max(1, min(64, int(MEMORY / (outputs.numel() + one.P))))


def eigenvalues(one: Landscape, steps: int, probes: int, generator: torch.Generator) -> Eigenvalues:
    """Of the Hessian at w*: dense up to `DENSE` parameters, else by so many Lanczos steps from so many probes."""
    if one.P <= DENSE:
        h, V = lapack.eigh(matrix(one.product, one.star, chunk(one)))
        return Eigenvalues(Spectrum(h[None], torch.full_like(h[None], 1 / one.P), one.P), V)
    starts = rademacher(generator, probes, one.P)
    return Eigenvalues(slq.spectrum(one.product, starts, min(steps, one.P)), None)
