"""Spectra, splits and solves of factors `F [B, n, k]` whose members may have fewer than k columns, the rest zero."""

from __future__ import annotations

import torch
from torch import Tensor

from engines.core.numerics.lapack import eigvalsh, qr, svdvals


def gram(F: Tensor) -> Tensor:
    """Compute the Gram matrices `Fᵀ F`, `[B, k, k]`, of factors `[B, n, k]`."""
    return F.mT @ F


def eigenvalues(symmetric: Tensor, padded: Tensor | None) -> Tensor:
    """Compute ascending eigenvalues `[B, k]` of each member's own block; NaN for columns that it does not have.

    Padded columns are zero, so a diagonal entry above the spectrum keeps their eigenvalues apart, at the end. Where
    `padded` is None all members have all columns.
    """
    if padded is None:
        return eigvalsh(symmetric)
    above = 2 * torch.linalg.matrix_norm(symmetric, keepdim=True)[..., 0] + 1
    values = eigvalsh(symmetric + torch.diag_embed(padded * above))
    return torch.where(torch.sort(padded, stable=True).values, torch.nan, values)


def regular(symmetric: Tensor, padded: Tensor) -> Tensor:
    """Put 1 on the diagonal of padded columns `[B, k]` of Gram matrices `[B, k, k]`, so that they can be inverted."""
    return symmetric + torch.diag_embed(padded.to(symmetric.dtype))


def singular_values(F: Tensor, G: Tensor) -> Tensor:
    """Compute singular values `[B, k]` of `F Gᵀ`, decreasing: QR of both factors, then of a k x k product.

    A Gram matrix would lose all values below 1e-8 of the largest.
    """
    return svdvals(qr(F)[1] @ qr(G)[1].mT)


def norm(F: Tensor) -> Tensor:
    """Compute the spectral norms `[B]` of factors `[B, n, k]`."""
    return largest(gram(F))


def largest(gram: Tensor) -> Tensor:
    """Compute the spectral norms `[B]` of factors from their Gram matrices `[B, k, k]`."""
    return eigvalsh(gram)[:, -1].clamp_min(0).sqrt()


def split_signal(factor: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
    """Split factors into the signal `basisᵀ F` `[B, r, k]` and the rest, `F - basis basisᵀ F` `[B, n, k]`."""
    signal = basis.mT @ factor
    return signal, factor - basis @ signal


def divide(gradient: Tensor, factor: Tensor, padded: Tensor, damping: Tensor) -> Tensor:
    """Compute `gradient (factorᵀ factor + damping I)⁻¹`, `[B, n, k]`; `damping` is `[B]`."""
    eye = torch.eye(factor.shape[-1], dtype=factor.dtype, device=factor.device)
    system = regular(gram(factor), padded) + damping[:, None, None] * eye
    return torch.linalg.solve_ex(system, gradient, left=False)[0]
