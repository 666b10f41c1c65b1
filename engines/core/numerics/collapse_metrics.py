"""Metrics of collapse, from class means and within-class deviations. All in float64, batched over any leading axes.

What every function takes:

    Moments(M, Y, V)    M [*, d, K]  class means
                        Y [*, d, r]  any factor of the within-class covariance, Y Yᵀ = K Sigma_W
                        V [*, K]     root mean squared deviation of each class from its mean
    W [*, K, d]       classifier;  b [*, K] its bias

    measure(moments, W)      every metric of the table by its channel's name, each [*]
    scores(H, labels, M, W, b)    `accuracy` and `nc4` of explicit samples

Single metrics: nc1, nc1_trace, cdnv, nc2_etf, nc2_of, equinorm, angles, nc3, nc3_uncentred, nc3_product,
nearest (of explicit samples). Sigma_W = D Dᵀ/N with the deviations D, Sigma_B = C Cᵀ/K with C = M - m_G 1ᵀ.

Ratios and angles do not depend on the unit of the features, down to the smallest numbers: entries are divided by a
power of two before they are squared. What is centred does not depend on a common shift, up to the rounding of the
shifted features. A metric of directions or of a ratio is NaN where there is nothing to compare with: means (or a
classifier) that are zero, or that coincide as far as rounding can tell.
"""

from __future__ import annotations

from functools import lru_cache
from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor

TINY = 1e-300

ROUNDING = 1e-14
"""Differences of class means below this share of their size are rounding: 45 units of the last place."""


class FeatureMoments(NamedTuple):
    """Class means and deviations of features, from which the metrics are computed."""

    M: Tensor
    """Class means, `[*, d, K]`."""
    Y: Tensor
    """Factor of the within-class covariance, `Y Yᵀ = K Sigma_W`, `[*, d, r]`."""
    V: Tensor
    """Root mean squared deviation of each class, `[*, K]`."""


def unit_scaled(A: Tensor) -> tuple[Tensor, Tensor]:
    """`A/u` with entries of order one and the power of two `u [*, 1, 1]`, so that squares neither vanish nor burst.

    Exact; u = 1 where A is zero, or not finite.
    """
    largest = A.abs().amax((-2, -1), keepdim=True)
    exponent = torch.frexp(largest.nan_to_num(1, 1, 1)).exponent  # that of 1 is 1
    u = torch.ldexp(torch.ones_like(largest), exponent - 1)
    return A / u, u


scaled_means = lru_cache(maxsize=8)(unit_scaled)
"""`unit_scaled` of class means and what is made of them, kept by the tensor itself, which is never written to.

A dozen metrics of one look ask for the same. Not for samples: they would be kept, too.
"""


def size_of_means(A: Tensor) -> Tensor:
    """Frobenius norm of class means, `[*, m, n] -> [*]`, as `frobenius_norm` computes it."""
    entries, u = scaled_means(A)
    return torch.linalg.vector_norm(entries, dim=(-2, -1)) * u[..., 0, 0]


@lru_cache(maxsize=2)
def centred(M: Tensor) -> Tensor:
    """`C = M - m_G 1ᵀ`, `[*, d, K]`; zero where means coincide as far as rounding can tell."""
    C = M - M.mean(-1, keepdim=True)
    return torch.where((frobenius_norm(C) > ROUNDING * size_of_means(M))[..., None, None], C, 0)


def frobenius_norm(A: Tensor) -> Tensor:
    """Frobenius norm of matrices, `[*, m, n] -> [*]`."""
    entries, u = unit_scaled(A)
    return torch.linalg.vector_norm(entries, dim=(-2, -1)) * u[..., 0, 0]


def unit(A: Tensor) -> Tensor:
    """Unit matrix `A/‖A‖`, `[*, m, n]`; NaN where A is zero."""
    entries = unit_scaled(A)[0]
    return entries / torch.linalg.vector_norm(entries, dim=(-2, -1), keepdim=True)


def simplex(classes: int, like: Tensor) -> Tensor:
    """Gram matrix of a simplex, `I - 11ᵀ/K [K, K]`, of norm `sqrt(K - 1)`."""
    return torch.eye(classes, dtype=like.dtype, device=like.device) - 1 / classes


# -- within the classes --------------------------------------------------------------------------------------------


def trace_within(s: FeatureMoments) -> Tensor:
    """Trace of the within-class covariance, `Tr Sigma_W = ‖Y‖²/K`, `[*]`."""
    return size_of_means(s.Y).square() / s.M.shape[-1]


def trace_between(s: FeatureMoments) -> Tensor:
    """Trace of the between-class covariance, `Tr Sigma_B = ‖C‖²/K`, `[*]`."""
    return size_of_means(centred(s.M)).square() / s.M.shape[-1]


def nc1(s: FeatureMoments) -> Tensor:
    """NC1 by the pseudo-inverse, `(1/K) Tr(Sigma_W Sigma_B⁺)`, `[*]`; NaN where the means coincide.

    Computed as `(1/K) sum_i ‖u_iᵀ Y‖²/s_i²` with `C = U diag(s) Vᵀ`, so that it is never negative.
    The K - 1 largest singular values count, as far as rounding of the means lets them differ from zero.
    """
    (C, u), (Y, v) = scaled_means(centred(s.M)), scaled_means(s.Y)
    U, values, _ = torch.linalg.svd(C, full_matrices=False)
    U, values = U[..., : s.M.shape[-1] - 1], values[..., : s.M.shape[-1] - 1]
    faint = values <= ROUNDING * (size_of_means(s.M) / u[..., 0, 0])[..., None]
    inside = torch.linalg.vector_norm(U.mT @ Y, dim=-1)
    ratios = torch.where(faint, 0, inside / torch.where(faint, 1, values)) * (v / u)[..., 0]
    return torch.where(faint.all(-1), torch.nan, ratios.square().sum(-1) / s.M.shape[-1])


def nc1_trace(s: FeatureMoments) -> Tensor:
    """NC1 by the trace ratio, `Tr Sigma_W/Tr Sigma_B`, `[*]`; NaN where the means coincide."""
    return _over(size_of_means(s.Y), size_of_means(centred(s.M))).square()


def cdnv(s: FeatureMoments) -> Tensor:
    """Class-distance normalised variance, mean over i != j of `(V_i² + V_j²)/(2 ‖m_i - m_j‖²)`, `[*]`.

    V are the root mean squared deviations of the classes; NaN where two class means coincide. Galanti, György, Hutter
    2022.
    """
    K = s.M.shape[-1]
    C, u = scaled_means(centred(s.M))
    apart = torch.linalg.vector_norm(C[..., :, None] - C[..., None, :], dim=-3)
    alike = apart <= ROUNDING * (size_of_means(s.M)[..., None, None] / u)
    spread = s.V / u[..., 0]
    both = torch.hypot(spread[..., :, None], spread[..., None, :])
    ratios = _over(both, torch.where(alike, 0, apart)).square() / 2
    other = ~torch.eye(K, dtype=torch.bool, device=apart.device)
    return ratios[..., other].mean(-1)


def _over(part: Tensor, whole: Tensor) -> Tensor:
    """`part/whole`; NaN where the whole is zero."""
    return torch.where(whole > 0, part / torch.where(whole > 0, whole, 1), torch.nan)


# -- the frame of the means ----------------------------------------------------------------------------------------


def nc2_etf(M: Tensor) -> Tensor:
    """NC2 of the simplex, `‖CᵀC/‖CᵀC‖ - (I - 11ᵀ/K)/sqrt(K - 1)‖`, `[*]`, of class means `M [*, d, K]`.

    0 for a simplex, and for an orthogonal frame too.
    """
    C, K = scaled_means(centred(M))[0], M.shape[-1]
    return frobenius_norm(unit(C.mT @ C) - simplex(K, M) / sqrt(K - 1))


def nc2_of(M: Tensor) -> Tensor:
    """NC2 of the orthogonal frame, `‖MᵀM/‖MᵀM‖ - I/sqrt K‖`, `[*]`.

    0 for an orthogonal frame, `sqrt(2 - 2 sqrt((K - 1)/K))` for a simplex.
    """
    M, K = scaled_means(M)[0], M.shape[-1]
    return frobenius_norm(unit(M.mT @ M) - torch.eye(K, dtype=M.dtype, device=M.device) / sqrt(K))


def equinorm(A: Tensor) -> Tensor:
    """Deviation over mean of the norms of the columns, `[*, d, K] -> [*]`."""
    norms = torch.linalg.vector_norm(unit_scaled(A)[0], dim=-2)
    return _over(norms.std(-1, correction=0), norms.mean(-1))


def cosines(C: Tensor) -> Tensor:
    """Cosines between columns, `[*, d, K] -> [*, K, K]`."""
    rows = unit_scaled(C.mT[..., None, :])[0][..., 0, :]  # each column in a unit of its own
    directions = rows / torch.linalg.vector_norm(rows, dim=-1, keepdim=True)
    return directions @ directions.mT


def angles(C: Tensor) -> tuple[Tensor, Tensor]:
    """Spread of the angles between columns of `C [*, d, K]`, over i != j, each `[*]`.

    The deviation of `cos(c_i, c_j)`, and the mean of `|cos(c_i, c_j) + 1/(K - 1)|`.
    """
    K = C.shape[-1]
    off_diagonal = cosines(C)[..., ~torch.eye(K, dtype=torch.bool, device=C.device)]
    return off_diagonal.std(-1, correction=0), (off_diagonal + 1 / (K - 1)).abs().mean(-1)


# -- classifier and means ------------------------------------------------------------------------------------------


def nc3(M: Tensor, W: Tensor) -> Tensor:
    """NC3 centred and squared, `‖Wᵀ/‖W‖ - C/‖C‖‖²`, `[*]`.

    0 for a simplex, `2 - 2 sqrt((K - 1)/K)` for an orthogonal frame.
    """
    return frobenius_norm(unit(W.mT) - unit(centred(M))).square()


def nc3_uncentred(M: Tensor, W: Tensor) -> Tensor:
    """NC3 not centred, `‖Wᵀ/‖W‖ - M/‖M‖‖`, `[*]`: 0 for both frames."""
    return frobenius_norm(unit(W.mT) - unit(M))


def nc3_product(M: Tensor, W: Tensor) -> Tensor:
    """NC3 by the product, `‖WC/‖WC‖ - (I - 11ᵀ/K)/sqrt(K - 1)‖`, `[*]`: 0 for both frames."""
    K = M.shape[-1]
    return frobenius_norm(unit(unit_scaled(W)[0] @ scaled_means(centred(M))[0]) - simplex(K, M) / sqrt(K - 1))


def nearest_mean(H: Tensor, M: Tensor) -> Tensor:
    """The class whose mean is nearest to each sample of `H [*, d, N]`: `argmin_k ‖h - m_k‖`, `[*, N]`.

    About the global mean, in units of the means: distances are compared, and a common shift would drown them.
    """
    C, u = scaled_means(centred(M))
    H = (H - M.mean(-1, keepdim=True)) / u
    return (C.square().sum(-2)[..., None] - 2 * C.mT @ H).min(-2).indices  # argmin takes fifteen times as long


def nearest_mean_accuracy(H: Tensor, labels: Tensor, M: Tensor, nearest: Tensor | None = None) -> Tensor:
    """Share of samples with the mean of their own class the nearest, `[*]`; NaN where all means coincide.

    `nearest` `[*, N]` is what `nearest_mean` found, where that is known.
    """
    return _share(M, (nearest_mean(H, M) if nearest is None else nearest) == labels)


def scores(
    H: Tensor, labels: Tensor, M: Tensor, W: Tensor, b: Tensor, nearest: Tensor | None = None
) -> dict[str, Tensor]:
    """Shares of samples that are classified right, and not given to the class of the nearest mean (NC4), each `[*]`.

    Of samples `H [*, d, N]` with labels `[N]`, class means `M [*, d, K]`, and the classifier `W [*, K, d]`,
    `b [*, K]`; by `accuracy` and `nc4`, which is NaN where all means coincide. `nearest` `[*, N]` is what
    `nearest_mean` found, where that is known.
    """
    nearest = nearest_mean(H, M) if nearest is None else nearest
    chosen = (W @ H + b[..., None]).max(-2).indices
    return {"accuracy": (chosen == labels).to(H.dtype).mean(-1), "nc4": _share(M, chosen != nearest)}


def _share(M: Tensor, which: Tensor) -> Tensor:
    """Share of the samples that `which` marks, `[*, N] -> [*]`; NaN where the means coincide."""
    return torch.where(size_of_means(centred(M)) > 0, which.to(M.dtype).mean(-1), torch.nan)


def measure(s: FeatureMoments, W: Tensor) -> dict[str, Tensor]:
    """All metrics that need no single samples, each `[*]`, by the names of their channels, for `W [*, K, d]`."""
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
        "classifier_norm": frobenius_norm(W) / sqrt(s.M.shape[-1]),
        "feature_norm": torch.hypot(size_of_means(s.M), size_of_means(s.Y)) / sqrt(s.M.shape[-1]),
    }
