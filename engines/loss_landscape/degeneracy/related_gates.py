"""Free directions that gates leave which depend on one another: whatever the inputs are, as long as gates are these.

Two layers change what unit i of the next one sees by `sum_j g_j(x) M_j[i] . at(x) + m_i` with

    M_j[i] = W_out[i, j] dW_in[j] + dW_out[i, j] W_in[j],        m_i the change of its bias.

That is zero for all inputs on the data where i fires if for each coordinate the numbers `(M_1 .. M_d, m)` are a linear
relation of the gates and the constant 1 there. Units of one block are the simplest case, `g_j = g_k`; complementary
gates, `g_j + g_k = 1`, another, in which a linear map is hidden; and gates that are one, or none at all, as far as i
can see. Exact and sufficient, not necessary: data may be too few or too special to tell other directions from zero.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engines.core.numerics.lapack import eigh
from engines.loss_landscape.degeneracy.jacobian import LayerPasses
from engines.loss_landscape.degeneracy.numerical_rank import unit_columns
from engines.loss_landscape.models.mlp import Mlp

LARGEST = 1400
"""Most parameters of two layers for which directions are looked for: two seconds."""

RELATION = 1e-10
"""Share of the largest eigenvalue of the gates' second moments below which one is a relation."""

FREE = 1e-12
"""Share of the largest eigenvalue of the equations' Gram matrix up to which a direction is a candidate."""


def layers_too_wide(net: Mlp) -> list[int]:
    """Hidden layers, from 1, whose in- and out-weights are more than `LARGEST`."""
    sizes = [rows * columns for rows, columns in net.shapes]
    return [layer for layer in range(1, len(sizes)) if sizes[layer - 1] + sizes[layer] > LARGEST]


def related_gate_directions(net: Mlp, theta: Tensor, passes: LayerPasses) -> Tensor:
    """Directions of hidden layers whose gates are related, `[q, P]`, of one net `theta [P]`; none of wide layers.

    The directions of synchronised units are among them.
    """
    parts = [theta.new_zeros(0, net.P)]
    for layer in sorted({*range(1, len(net.sizes) - 1)} - {*layers_too_wide(net)}):
        W_in, W_out = net.split(theta)[layer - 1 : layer + 1]
        fires = passes.gates[layer] if layer < len(passes.gates) else torch.ones_like(passes.A[0][:, :1])
        kept = gate_projectors(passes.gates[layer - 1], fires, net.bias)
        if not _are_related(kept[fires.any(0)], passes.gates[layer - 1], net.bias):
            continue
        kept = kept.expand(len(W_out), -1, -1)
        into, out = _directions(W_in, W_out, passes.A[layer - 1], kept, net.bias)
        every = theta.new_zeros(len(into), net.P)
        weights = net.split(every)
        weights[layer - 1].copy_(into)
        weights[layer].copy_(out)
        parts.append(every)
    return torch.cat(parts)


def gate_projectors(gates: Tensor, fires: Tensor, bias: bool) -> Tensor:
    """Projectors `[d', D, D]` on combinations of gates `[n, d]`, and 1 with biases, that are no relation where `fires`.

    fires bool `[n, d']`: whether each next unit fires.
    """
    F = _with_one(gates, bias)
    moments = F.mT @ (fires.double().mT[:, :, None] * F)
    values, U = eigh(moments)
    U = U * (values > RELATION * values[:, -1:])[:, None, :]
    return U @ U.mT


def _with_one(gates: Tensor, bias: bool) -> Tensor:
    return torch.nn.functional.pad(gates.double(), (0, 1), value=1.0) if bias else gates.double()


def _are_related(kept: Tensor, gates: Tensor, bias: bool) -> bool:
    """Whether there is any relation besides those of gates that are one, or never open."""
    kinds = _with_one(gates, bias).unique(dim=1)
    return bool((kept.diagonal(dim1=-2, dim2=-1).sum(-1).round() < kinds.any(0).sum()).any())


def _directions(W_in: Tensor, W_out: Tensor, A: Tensor, kept: Tensor, bias: bool) -> tuple[Tensor, Tensor]:
    """`dW_in [q, d, D]` and `dW_out [q, d', D']`; in units of inputs, neurons and next neurons, and back."""
    d = len(W_in)
    a = unit_columns(A)[1] / len(A) ** 0.5
    s = _length(W_in * a)
    t = _length(W_out[:, :d] * s)
    s_out = torch.cat([s, s.new_ones(1)]) if bias else s
    free = _free(W_in * a / s[:, None], W_out * s_out / t[:, None], kept, bias)
    into, out = free.split([W_in.numel(), W_out.numel()], -1)
    over = torch.where(a > 0, 1 / a, 0)
    return into.unflatten(-1, W_in.shape) * s[:, None] * over, out.unflatten(-1, W_out.shape) * t[:, None] / s_out


def _length(rows: Tensor) -> Tensor:
    """Length of each row; 1 for rows of zeros."""
    length = torch.linalg.vector_norm(rows, dim=-1)
    return torch.where(length > 0, length, 1)


def _free(W: Tensor, V: Tensor, kept: Tensor, bias: bool) -> Tensor:
    """Null vectors of `kept_i (M_1 .. M_d, m)[c] = 0` for all i and c, `[q, d D + d' D']`, by their Gram matrix."""
    d, D = W.shape
    K, w = kept[:, :d, :d], V[:, :d]
    uu = torch.einsum("ij,ik,ijk->jk", w, w, K)
    uu = torch.einsum("jk,ce->jcke", uu, torch.eye(D, dtype=W.dtype))
    uv = torch.einsum("ij,ijk,kc->jcik", w, K, W)
    vv = K * (W @ W.mT)
    if bias:  # m_i stands in the equation of the constant coordinate alone
        edge = kept[:, :d, d]
        um = torch.zeros(d, D, len(V), 1, dtype=W.dtype)
        um[:, -1, :, 0] = (w * edge).mT
        uv = torch.cat([uv, um], -1)
        vm = edge * W[:, -1]
        vv = torch.cat([torch.cat([vv, vm[:, :, None]], 2), torch.cat([vm[:, None], kept[:, d:, d:]], 2)], 1)
    C = torch.cat([
        torch.cat([uu.reshape(d * D, d * D), uv.reshape(d * D, -1)], 1),
        torch.cat([uv.reshape(d * D, -1).mT, torch.block_diag(*vv)], 1),
    ])  # fmt: skip
    values, U = eigh(C)
    return U.mT[values <= FREE * values[-1]]
