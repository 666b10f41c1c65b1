"""Kronecker factors: the Hessian of each layer as if it were a product `CA kron CG`, without any Jacobian.

`CA^l = A^lᵀ A^l/n` of the inputs of the layer, `CG^l = sum_{x,o} G Gᵀ/n` of the derivatives of the outputs. At the top
G is known in closed form: `CG^{L-1} = I` and `CG^{L-2} = (Wᵀ W) * (Sᵀ S/n)`, S the slopes `phi'(z)`. Martens, Grosse
2015.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engines.core.numerics.lapack import eigvalsh
from engines.loss_landscape.degeneracy.jacobian import LayerPasses, activation_derivative, require_float64
from engines.loss_landscape.hessian.effective_dimension import soft_rank
from engines.loss_landscape.models.mlp import Mlp


def kronecker_factors(net: Mlp, theta: Tensor, X: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Factors `CA^l [*, D_l, D_l]` and `CG^l [*, d_{l+1}, d_{l+1}]`, layer by layer; any activation.

    theta `[*, P]`, X `[n, d_0]` or `[*, n, d_0]`. Raises `ConfigError` for anything but float64.
    """
    require_float64(theta, X)
    A, Z = net.layers(theta, X)
    inputs = [at.mT @ at / X.shape[-2] for at in A]
    slopes = [activation_derivative(net.activation, z) for z in Z[:-1]]
    above = [W[..., : z.shape[-1]] for W, z in zip(net.split(theta)[1:], Z[:-1], strict=True)]
    return list(zip(inputs, _output_factors(net, above, slopes, theta, X.shape[-2]), strict=True))


def _output_factors(net: Mlp, above: list[Tensor], slopes: list[Tensor], theta: Tensor, n: int) -> list[Tensor]:
    """Factors `CG^0 .. CG^{L-1}`, from the last to the first; G is made below the last hidden layer only."""
    k = net.sizes[-1]
    factors = [torch.eye(k, dtype=theta.dtype, device=theta.device).expand(*theta.shape[:-1], k, k)]
    if slopes:
        W, S = above[-1], slopes[-1]
        factors.insert(0, (W.mT @ W) * (S.mT @ S / n))
    G: Tensor | None = None
    for W, S in zip(above[-2::-1], slopes[-2::-1], strict=True):
        # In place: memory that is new costs more than what is computed in it.
        made = _two_layers_below(above[-1], slopes[-1], W) if G is None else (G @ W).unflatten(-2, (n, k))
        G = made.mul_(S[..., None, :]).flatten(-3, -2)
        factors.insert(0, G.mT @ G / n)
    return factors


def _two_layers_below(top: Tensor, S: Tensor, W: Tensor) -> Tensor:
    """Product `top diag(S_x) W` for all data at once, `[*, n, k, d]`."""
    pairs = (top.mT[..., :, :, None] * W[..., :, None, :]).flatten(-2)
    return (S @ pairs).unflatten(-1, (top.shape[-2], W.shape[-1]))


def factor_spectra(net: Mlp, theta: Tensor, X: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Eigenvalues of the Kronecker factors, `[*, D_l]` and `[*, d_{l+1}]` a layer, none below zero."""
    return spectra_of_factors(kronecker_factors(net, theta, X))


def spectra_of_factors(factors: list[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
    """Eigenvalues `[*, D_l]` and `[*, d_{l+1}]` of factors CA and CG, layer by layer, none below zero."""
    return [(eigvalsh(CA).clamp_min(0), eigvalsh(CG).clamp_min(0)) for CA, CG in factors]


def spectra_of_passes(passes: LayerPasses, n: int) -> list[tuple[Tensor, Tensor]]:
    """Eigenvalues of the Kronecker factors `AᵀA/m` and `sum G Gᵀ/n`, `[*, D_l]` and `[*, d_{l+1}]` a layer, >= 0.

    Inputs A are `[*, m, D_l]`, derivatives G `[*, m, k, d_{l+1}]`. An embedding takes more rows m than there are
    samples, which are n.
    """
    G = [one.flatten(-3, -2) for one in passes.G]
    return spectra_of_factors(
        [(A.mT @ A / A.shape[-2], each.mT @ each / n) for A, each in zip(passes.A, G, strict=True)]
    )


def factored_soft_rank(spectra: list[tuple[Tensor, Tensor]], b: Tensor | float, gamma: float = 1.0) -> Tensor:
    """Soft rank of each layer, `sum_ij b mu_i nu_j/(gamma + b mu_i nu_j)`: `[*, L]`, `[*, L, m]` for `b [m]`.

    As b -> infinity `r_a r_g`; the sum over layers is above the count of the whole by the directions across layers, and
    gates that matter to few data go unseen.
    """
    many = isinstance(b, Tensor) and b.ndim > 0
    products = [(mu[..., :, None] * nu[..., None, :]).flatten(-2) for mu, nu in spectra]
    each = [soft_rank(h[..., None, :] if many else h, b, gamma) for h in products]
    return torch.stack(each, -2 if many else -1)
