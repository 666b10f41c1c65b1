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

from engines.neural_collapse.metrics import Moments, scaled


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

    Global and class means are subtracted before anything is squared. The features' own rounding bounds what is seen:
    of the trace ratio, in float32, what is above 1e-13 times the squared global mean over the spread of the means.
    """
    H, u = scaled(finite(H))
    centre, labels, u = H.mean(-2, keepdim=True), share.argmax(-1), u.to(share.dtype)
    H = H - centre
    apart = share.mT.to(H.dtype) @ H  # few rows on the left: the other way round this takes five times as long
    D = H - apart[..., labels, :]
    means = (centre.to(share.dtype) + apart.to(share.dtype)).mT
    spanning = means if W is None else torch.cat([means, finite(W).to(means.dtype)], -1)
    Q = torch.linalg.qr(spanning)[0]
    A = (Q.mT.to(H.dtype).contiguous() @ D.mT).to(Q.dtype)
    rest = torch.linalg.vector_norm(D, dim=-1).to(Q.dtype).square() - A.square().sum(-2)
    off = A @ share  # what rounding left of the class means
    M, A = Q.mT @ means + off, A - off[..., labels]
    classifier = means.new_zeros(means.mT.shape) if W is None else finite(W).to(Q.dtype).mT
    seen = pad(M[..., labels] + A, (0, 0, 0, 1))
    return Condensed(_moments(M, A, rest.clamp_min(0), share, u), u * seen, pad(classifier @ Q, (0, 1)))


def _moments(M: Tensor, A: Tensor, rest: Tensor, share: Tensor, u: Tensor) -> Moments:
    """Moments from class means `[..., r, K]`, deviations `[..., r, N]`, squared lengths out of them, and the unit.

    `Y Yᵀ = (K/N) A Aᵀ`, and beside it the length that is left.
    """
    N, K = share.shape
    values, vectors = torch.linalg.eigh(A @ A.mT * (K / N))
    Y = pad(vectors * values.clamp_min(0).sqrt()[..., None, :], (0, 1, 0, 1))
    Y[..., -1, -1] = (rest.sum(-1) * (K / N)).sqrt()
    V = ((A.square().sum(-2) + rest) @ share).sqrt()
    return Moments(u * pad(M, (0, 0, 0, 1)), u * Y, u[..., 0] * V)
