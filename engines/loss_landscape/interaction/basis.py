"""Bases of a layer's activations: neurons, principal components, and the interaction basis. Batched over members.

A ReLU network on its data is made of matrices alone: biases are weights of a constant coordinate, the last of each
layer, which passes through by a last row (0 .. 0 1) of W and a gate that is open; so do the outputs.

    z^{l+1} = W^l at^l,   at^{l+1} = gate * z^{l+1},   d at^{l+1}/d at^l = diag(gate) W^l   exactly, sample by sample

A basis is a matrix `C [*, w, w]` of covectors, features `fh = at C`, and its pseudo-inverse C+. Fewer features than w
are zero columns at the end, so members with different counts share one batch. Centred bases have the constant as
feature 0, and the mean is subtracted from the others through it.

    CA = atᵀ at/n = S U D Uᵀ S,  R = S^-1 U D^-1/2,  R+ = D^1/2 Uᵀ S   whitening; S: lengths of the columns of at
    M' = mean_x Jhᵀ Jh,  Jh = C'ᵀ d at'/d at                      how features C' downstream depend on a direction
    R+ M' R+ᵀ = V Lam Vᵀ,  C = R V Lam^1/2,  C+ = Lam^-1/2 Vᵀ R+

Local: C' are the features of the next layer; global: those of the output. Bushnaq et al. 2024, arXiv 2405.10928, after
its public code. ReLU and linear networks; their Jacobians are exact, gate by gate. A direction that `C C+` cuts off
moves the outputs of no sample at first order; in a ReLU network taking it away may still open or close a gate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.numerics.lapack import eigh
from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.degeneracy.numerical_rank import unit_columns
from engines.loss_landscape.models.mlp import Mlp


class HomogeneousNetwork(NamedTuple):
    """A network as matrices on its data. Widths `w_l = d_l + 1`, l = 0 .. L, outputs included."""

    weights: list[Tensor]
    """`[*, w_{l+1}, w_l]`, L of them."""
    nodes: list[Tensor]
    """`at^l`, `[*, n, w_l]`, L + 1 of them."""
    gates: list[Tensor]
    """`[*, n, w_{l+1}]`, 0 or 1, L of them."""
    is_perceptron: bool
    """Whether hidden layers have ReLUs; else all is linear."""

    @property
    def outputs(self) -> Tensor:
        """Outputs `f`, `[*, n, k]`."""
        return self.nodes[-1][..., :-1]

    def activate(self, section: int, z: Tensor) -> Tensor:
        """Node after a section, `[*, n, w]` as `z = at Wᵀ` is; the constant passes as it is."""
        if section == len(self.weights) - 1 or not self.is_perceptron:
            return z
        return torch.cat([torch.relu(z[..., :-1]), z[..., -1:]], -1)

    def outputs_from(self, layer: int, at: Tensor) -> Tensor:
        """Outputs `[*, n, k]` if the node `layer` had the values `at [*, n, w_l]`."""
        for section in range(layer, len(self.weights)):
            at = self.activate(section, at @ self.weights[section].mT)
        return at[..., :-1]


def make_homogeneous(net: Mlp, theta: Tensor, X: Tensor) -> HomogeneousNetwork:
    """Make the matrices of a network at `theta [*, P]` on samples `X [*, n, d_0]`, in float64.

    Ranks will be counted. Raises `ConfigError` for an activation other than relu and linear, which have no exact gates.
    """
    if net.activation not in ("relu", "linear"):
        raise ConfigError(f"activation={net.activation!r} has no gates: the interaction basis needs relu or linear")
    theta, X = theta.double(), X.double()
    bent, last = net.activation == "relu", len(net.shapes) - 1
    at = append_one(X.expand(*torch.broadcast_shapes(theta.shape[:-1], X.shape[:-2]), *X.shape[-2:]))
    weights, nodes, gates = [], [at], []
    for layer, W in enumerate(net.split(theta)):
        weights.append(_with_constant_row(W, net.bias))
        z = at @ weights[-1].mT
        gate = torch.ones_like(z)
        if bent and layer < last:
            gate[..., :-1] = (z[..., :-1] > 0).to(z.dtype)
        at = gate * z
        nodes.append(at)
        gates.append(gate)
    return HomogeneousNetwork(weights, nodes, gates, bent)


def append_one(a: Tensor) -> Tensor:
    """Append the constant coordinate, `[a, 1]`, `[*, n, d + 1]`."""
    return torch.cat([a, a.new_ones(*a.shape[:-1], 1)], -1)


def _with_constant_row(W: Tensor, bias: bool) -> Tensor:
    """W with a column for the bias and the row of the constant, `[*, d_{l+1} + 1, d_l + 1]`."""
    whole = W if bias else torch.cat([W, W.new_zeros(*W.shape[:-1], 1)], -1)
    row = torch.zeros_like(whole[..., :1, :])
    row[..., -1] = 1
    return torch.cat([whole, row], -2)


KEEP = 1e-12
"""Share of the largest eigenvalue up to which one is rounding."""

TINY = 1e-300


class Basis(NamedTuple):
    """Features of one node layer."""

    C: Tensor
    """`[*, w, w]`, a feature a column."""
    inverse: Tensor
    """C+, `[*, w, w]`, `C+ C = I` on the features that exist."""
    moment: Tensor
    """Mean square of each feature, `[*, w]`, 0 where there is none; Lam in the interaction basis."""
    centred: bool
    """Whether feature 0 is the constant."""

    @property
    def rank(self) -> Tensor:
        """Features, the constant included, `[*]`."""
        return (self.moment > 0).sum(-1)


class Rotation(NamedTuple):
    """A basis before the constant is put in front: C, C+ and moments of coordinates `[*, q]`."""

    C: Tensor
    inverse: Tensor
    moment: Tensor


def decreasing_eigh(symmetric: Tensor, keep: float = KEEP) -> tuple[Tensor, Tensor]:
    """Eigenvalues `[*, q]`, largest first, those up to `keep` times it zero, and eigenvectors `[*, q, q]`."""
    values, vectors = eigh(symmetric)
    values, vectors = values.flip(-1), vectors.flip(-1)
    return torch.where(values > keep * values[..., :1], values, 0), vectors


def elementwise_power(values: Tensor, exponent: float) -> Tensor:
    """Powers `values^exponent` along rows, and 0 for 0, `[*, 1, q]`."""
    return torch.where(values > 0, values.clamp_min(TINY) ** exponent, 0)[..., None, :]


def gram(a: Tensor) -> Tensor:
    """Second moments `aᵀ a/n`, `[*, q, q]`, of `a [*, n, q]`."""
    return a.mT @ a / a.shape[-2]


def pca(a: Tensor) -> Rotation:
    """Principal components of `a [*, n, q]`: orthonormal, unscaled, the largest first."""
    values, U = decreasing_eigh(gram(a))
    U = U * (values > 0)[..., None, :]
    return Rotation(U, U.mT, values)


def neurons(a: Tensor) -> Rotation:
    """Coordinates of `a [*, n, q]` themselves, in their order."""
    eye = torch.eye(a.shape[-1], dtype=a.dtype, device=a.device).expand(*a.shape[:-2], -1, -1)
    return Rotation(eye, eye, a.square().mean(-2))


def interaction_rotation(a: Tensor, downstream: Tensor) -> Rotation:
    """Features of `a [*, n, q]` by how much depends on them downstream; the most important first.

    downstream is M' `[*, w, w]`, of which the first q coordinates count. `mean fh_i² = Lam_i`, and Lam are the
    non-zero eigenvalues of M' CA.
    """
    unit, length = unit_columns(a)  # so that units of a coordinate, which the weights undo, hide no other
    values, U = decreasing_eigh(gram(unit))
    downstream = downstream[..., : a.shape[-1], : a.shape[-1]]
    length = torch.where(length > 0, length, 1)
    R, R_plus = (
        U * elementwise_power(values, -0.5) / length[..., :, None],
        (U * elementwise_power(values, 0.5)).mT * length[..., None, :],
    )
    Lam, V = decreasing_eigh(R_plus @ downstream @ R_plus.mT)
    return Rotation(R @ V * elementwise_power(Lam, 0.5), (V * elementwise_power(Lam, -0.5)).mT @ R_plus, Lam)


def with_constant(rotation: Rotation, mean: Tensor) -> Basis:
    """Put the constant in front as feature 0, `[w, w]` of rotations of `w - 1` centred coordinates; mean `[*, q]`."""
    one, none = torch.ones_like(mean[..., :1]), torch.zeros_like(mean)
    offset = -(mean[..., None, :] @ rotation.C)
    C = torch.cat([torch.cat([none, one], -1)[..., None], torch.cat([rotation.C, offset], -2)], -1)
    lower = torch.cat([rotation.inverse, none[..., None]], -1)
    inverse = torch.cat([torch.cat([mean, one], -1)[..., None, :], lower], -2)
    return Basis(C, inverse, torch.cat([one, rotation.moment], -1), True)


def node_basis(at: Tensor, centred: bool, rotate: Callable[[Tensor], Rotation]) -> Basis:
    """Basis of one node layer `at [*, n, w]`: a rotation of its coordinates, or of all but the constant."""
    if not centred:
        return Basis(*rotate(at), False)
    mean = at[..., :-1].mean(-2)
    return with_constant(rotate(at[..., :-1] - mean[..., None, :]), mean)


def simple_rotation(kind: str) -> Callable[[Tensor], Rotation]:
    """Choose the rotation of `a [*, n, q]` by name, `pca` or `neurons`. Raises `ConfigError` for another kind."""
    rotations = {"pca": pca, "neurons": neurons}
    if kind not in rotations:
        raise ConfigError(f"basis={kind!r} is not one of {', '.join(rotations)}")
    return rotations[kind]


def simple_bases(network: HomogeneousNetwork, kind: str, centred: bool = True) -> list[Basis]:
    """Bases `pca` or `neurons` of every node layer, input to output. Raises `ConfigError` for another kind."""
    return [node_basis(at, centred, simple_rotation(kind)) for at in network.nodes]


def local_bases(network: HomogeneousNetwork, centred: bool = True, output: str = "pca") -> list[Basis]:
    """Local interaction basis of every node layer, input to output; that of the output is `pca` or `neurons`.

    `M' = Wᵀ ((C' C'ᵀ) * mean_x g gᵀ) W`: the mean over samples is in the gates alone. Raises `ConfigError` for another
    output.
    """
    bases = [node_basis(network.nodes[-1], centred, simple_rotation(output))]
    for W, gate, at in _backwards(network):
        C = bases[-1].C
        downstream = W.mT @ (C @ C.mT * gram(gate)) @ W
        bases.append(node_basis(at, centred, partial(interaction_rotation, downstream=downstream)))
    return bases[::-1]


def global_bases(network: HomogeneousNetwork, centred: bool = True, output: str = "pca") -> list[Basis]:
    """Global interaction basis of every node layer, by how the features of the output depend on it.

    Output as `local_bases`. Holds the Jacobians of all samples, `[*, n, w_L, w_l]`. Raises `ConfigError` for another
    output.
    """
    bases = [node_basis(network.nodes[-1], centred, simple_rotation(output))]
    J = bases[0].C.mT[..., None, :, :]
    for W, gate, at in _backwards(network):
        J = (J * gate[..., None, :]) @ W[..., None, :, :]  # d(features of the output)/d at, [*, n, w_L, w_l]
        downstream = gram(J.flatten(-3, -2)) * J.shape[-2]
        bases.append(node_basis(at, centred, partial(interaction_rotation, downstream=downstream)))
    return bases[::-1]


def _backwards(network: HomogeneousNetwork) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Weights and gates of each section, and the node before it; the last section first."""
    return zip(network.weights[::-1], network.gates[::-1], network.nodes[-2::-1], strict=True)
