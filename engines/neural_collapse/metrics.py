"""Metrics of collapse, from class means and within-class deviations. All in float64, batched over any leading axes.

What every function takes:

    Moments(M, Y, V)    M [..., d, K]  class means
                        Y [..., d, r]  any factor of the within-class covariance, Y Yᵀ = K Sigma_W
                        V [..., K]     mean squared deviation of each class from its mean
    W [..., K, d]       classifier;  b [..., K] its bias

    moments(H, labels, K)    Moments of explicit features H [..., d, N] with labels [N] in 0..K-1
    measure(moments, W)      every metric of the table by its channel's name, each [...]
    scores(H, labels, M, W, b)    `accuracy` and `nc4` of explicit samples

Single metrics: nc1, nc1_trace, cdnv, nc2_etf, nc2_of, equinorm, angles, nc3, nc3_uncentred, nc3_product,
nearest (of explicit samples). Sigma_W = D Dᵀ/N with the deviations D, Sigma_B = C Cᵀ/K with C = M - m_G 1ᵀ.
Nothing is divided by zero: metrics of means that coincide are finite.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

TINY = 1e-300


class Moments(NamedTuple):
    """What the metrics need to know of features."""

    M: Tensor
    """Class means, `[..., d, K]`."""
    Y: Tensor
    """`Y Yᵀ = K Sigma_W`, `[..., d, r]`."""
    V: Tensor
    """Mean squared deviation of each class, `[..., K]`."""


def moments(H: Tensor, labels: Tensor, classes: int) -> Moments:
    """Moments of features `H [..., d, N]` with labels `[N]`; classes may differ in size, none may be empty.

    `Y = D sqrt(K/N)`, so that r = N.
    """
    share = one_hot(labels, classes).to(H.dtype)
    share = share / share.sum(0)
    M = H @ share
    D = H - M[..., labels]
    return Moments(M, D * sqrt(classes / len(labels)), D.square().sum(-2) @ share)


def centred(M: Tensor) -> Tensor:
    """`C = M - m_G 1ᵀ`, `[..., d, K]`."""
    return M - M.mean(-1, keepdim=True)


def size(A: Tensor) -> Tensor:
    """Frobenius norm, `[...]`."""
    return torch.linalg.vector_norm(A, dim=(-2, -1))


def unit(A: Tensor) -> Tensor:
    """`A/‖A‖`; zero stays zero."""
    return A / size(A).clamp_min(TINY)[..., None, None]


def simplex(classes: int, like: Tensor) -> Tensor:
    """`I - 11ᵀ/K`, of norm `sqrt(K - 1)`."""
    return torch.eye(classes, dtype=like.dtype, device=like.device) - 1 / classes


# -- within the classes --------------------------------------------------------------------------------------------


def trace_within(s: Moments) -> Tensor:
    """`Tr Sigma_W = ‖Y‖²/K`."""
    return s.Y.square().sum((-2, -1)) / s.M.shape[-1]


def trace_between(s: Moments) -> Tensor:
    """`Tr Sigma_B = ‖C‖²/K`."""
    return centred(s.M).square().sum((-2, -1)) / s.M.shape[-1]


def nc1(s: Moments) -> Tensor:
    """`(1/K) Tr(Sigma_W Sigma_B⁺) = (1/K) sum_i ‖u_iᵀ Y‖²/s_i²` with `C = U diag(s) Vᵀ`; never negative.

    The K - 1 largest singular values count, as far as rounding lets them differ from zero.
    """
    U, values, _ = torch.linalg.svd(centred(s.M), full_matrices=False)
    U, values = U[..., : s.M.shape[-1] - 1], values[..., : s.M.shape[-1] - 1]
    faint = values <= 1e-14 * values[..., :1]
    inside = (U.mT @ s.Y).square().sum(-1)
    weight = torch.where(faint, 0, 1 / torch.where(faint, 1, values).square())
    return (inside * weight).sum(-1) / s.M.shape[-1]


def nc1_trace(s: Moments) -> Tensor:
    """`Tr Sigma_W/Tr Sigma_B`."""
    return s.Y.square().sum((-2, -1)) / centred(s.M).square().sum((-2, -1)).clamp_min(TINY)


def cdnv(s: Moments) -> Tensor:
    """Mean over i != j of `(V_i + V_j)/(2 ‖m_i - m_j‖²)`."""
    K = s.M.shape[-1]
    apart = (s.M[..., :, None] - s.M[..., None, :]).square().sum(-3)
    both = s.V[..., :, None] + s.V[..., None, :]
    other = 1 - torch.eye(K, dtype=apart.dtype, device=apart.device)
    return (other * both / (2 * apart.clamp_min(TINY))).sum((-2, -1)) / (K * (K - 1))


# -- the frame of the means ----------------------------------------------------------------------------------------


def nc2_etf(M: Tensor) -> Tensor:
    """`‖CᵀC/‖CᵀC‖ - (I - 11ᵀ/K)/sqrt(K - 1)‖`: 0 for a simplex, and for an orthogonal frame too."""
    C, K = centred(M), M.shape[-1]
    return size(unit(C.mT @ C) - simplex(K, M) / sqrt(K - 1))


def nc2_of(M: Tensor) -> Tensor:
    """`‖MᵀM/‖MᵀM‖ - I/sqrt K‖`: 0 for an orthogonal frame, `sqrt(2 - 2 sqrt((K - 1)/K))` for a simplex."""
    K = M.shape[-1]
    return size(unit(M.mT @ M) - torch.eye(K, dtype=M.dtype, device=M.device) / sqrt(K))


def equinorm(A: Tensor) -> Tensor:
    """Deviation over mean of the norms of the columns."""
    norms = torch.linalg.vector_norm(A, dim=-2)
    return norms.std(-1, correction=0) / norms.mean(-1).clamp_min(TINY)


def cosines(C: Tensor) -> Tensor:
    """Cosines between columns, `[..., K, K]`."""
    directions = C / torch.linalg.vector_norm(C, dim=-2, keepdim=True).clamp_min(TINY)
    return directions.mT @ directions


def angles(C: Tensor) -> tuple[Tensor, Tensor]:
    """Over i != j: deviation of `cos(c_i, c_j)`, and mean of `|cos(c_i, c_j) + 1/(K - 1)|`."""
    K = C.shape[-1]
    found = cosines(C)[..., ~torch.eye(K, dtype=torch.bool, device=C.device)]
    return found.std(-1, correction=0), (found + 1 / (K - 1)).abs().mean(-1)


# -- classifier and means ------------------------------------------------------------------------------------------


def nc3(M: Tensor, W: Tensor) -> Tensor:
    """`‖Wᵀ/‖W‖ - C/‖C‖‖²`: 0 for a simplex, `2 - 2 sqrt((K - 1)/K)` for an orthogonal frame."""
    return size(unit(W.mT) - unit(centred(M))).square()


def nc3_uncentred(M: Tensor, W: Tensor) -> Tensor:
    """`‖Wᵀ/‖W‖ - M/‖M‖‖`: 0 for both frames."""
    return size(unit(W.mT) - unit(M))


def nc3_product(M: Tensor, W: Tensor) -> Tensor:
    """`‖WC/‖WC‖ - (I - 11ᵀ/K)/sqrt(K - 1)‖`: 0 for both frames."""
    K = M.shape[-1]
    return size(unit(W @ centred(M)) - simplex(K, M) / sqrt(K - 1))


def nearest(H: Tensor, M: Tensor) -> Tensor:
    """The class whose mean is nearest to each sample of `H [..., d, N]`: `argmin_k ‖h - m_k‖`, `[..., N]`."""
    return (M.square().sum(-2)[..., None] - 2 * M.mT @ H).min(-2).indices  # argmin takes fifteen times as long


def scores(H: Tensor, labels: Tensor, M: Tensor, W: Tensor, b: Tensor) -> dict[str, Tensor]:
    """Share of samples that are classified right, and that are not given to the class of the nearest mean (NC4)."""
    chosen = (W @ H + b[..., None]).max(-2).indices
    return {
        "accuracy": (chosen == labels).to(H.dtype).mean(-1),
        "nc4": (chosen != nearest(H, M)).to(H.dtype).mean(-1),
    }


def measure(s: Moments, W: Tensor) -> dict[str, Tensor]:
    """All metrics that need no single samples, by the names of their channels."""
    first, (spread, off) = nc1(s), angles(centred(s.M))
    return {
        "nc1": first,
        "nc1_trace": nc1_trace(s),
        "fuzziness": s.M.shape[-1] * first,
        "cdnv": cdnv(s),
        "nc2_etf": nc2_etf(s.M),
        "nc2_of": nc2_of(s.M),
        "equinorm": equinorm(centred(s.M)),
        "equinorm_classifier": equinorm(W.mT),
        "equiangle": spread,
        "max_angle": off,
        "nc3": nc3(s.M, W),
        "nc3_uncentred": nc3_uncentred(s.M, W),
        "nc3_product": nc3_product(s.M, W),
        "trace_within": trace_within(s),
        "trace_between": trace_between(s),
        "classifier_norm": size(W) / sqrt(s.M.shape[-1]),
        "feature_norm": ((s.M.square().sum((-2, -1)) + s.Y.square().sum((-2, -1))) / s.M.shape[-1]).sqrt(),
    }
