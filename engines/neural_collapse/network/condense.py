"""Features as the metrics see them: a few coordinates in place of all, exactly.

No metric changes when features are turned, and all of them see the spread within the classes only through its products
with class means and classifier, and through its size. So coordinates in the span of these, and one more that holds the
rest of the size, are enough: at most 2K + 1 instead of the width.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from engines.neural_collapse.metrics import Moments


class Condensed(NamedTuple):
    """Features of N samples in r + 1 coordinates, float64; the last one of samples and classifier is 0."""

    moments: Moments
    """`M [..., r + 1, K]`, `Y [..., r + 1, r + 1]`, `V [..., K]`."""
    H: Tensor
    """Coordinates of the samples, `[..., r + 1, N]`."""
    W: Tensor
    """The classifier `[..., K, r + 1]`."""


def finite(values: Tensor) -> Tensor:
    """Zero for what is not finite: solvers refuse it, and a diverged member may be observed."""
    return torch.where(values.isfinite(), values, 0)


def condense(H: Tensor, share: Tensor, W: Tensor | None = None) -> Condensed:
    """Features `H [..., N, d]`; float32 will do.

    Parameters
    ----------
    share : what each sample counts in the mean of its class, `[N, K]`, float64
    W : classifier `[..., d, K]`; zero where it does not matter

    The features' own rounding bounds what is seen: of the trace ratio, what is above 1e-6.
    """
    # Few rows on the left: the other way round these products take five times as long.
    means = finite(share.mT.to(H.dtype) @ H).to(share.dtype).mT
    spanning = means if W is None else torch.cat([means, finite(W).to(means.dtype)], -1)
    Q = torch.linalg.qr(spanning)[0]
    A = finite(Q.mT.to(H.dtype).contiguous() @ H.mT).to(Q.dtype)
    length = finite(torch.linalg.vector_norm(H, dim=-1)).to(Q.dtype).square()
    classifier = means.new_zeros(means.mT.shape) if W is None else finite(W).to(Q.dtype).mT
    return Condensed(_moments(A, length, share), pad(A, (0, 0, 0, 1)), pad(classifier @ Q, (0, 1)))


def _moments(A: Tensor, length: Tensor, share: Tensor) -> Moments:
    """From coordinates `[..., r, N]` and squared lengths `[..., N]`.

    `Y Yᵀ = (K/N) (A Aᵀ - sum_k n_k m_k m_kᵀ)`, and beside it the length that is left.
    """
    N, K = share.shape
    M, sizes = A @ share, 1 / share.amax(0)
    G = (A @ A.mT - (M * sizes) @ M.mT) * (K / N)
    rest = (length.sum(-1) - A.square().sum((-2, -1))).clamp_min(0) * (K / N)
    values, vectors = torch.linalg.eigh(G)
    Y = pad(vectors * values.clamp_min(0).sqrt()[..., None, :], (0, 1, 0, 1))
    Y[..., -1, -1] = rest.sqrt()
    V = (length @ share - M.square().sum(-2)).clamp_min(0)
    return Moments(pad(M, (0, 0, 0, 1)), Y, V)
