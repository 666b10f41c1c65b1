"""Planes through a point of parameter space.

At random, along the trajectory, or along curvature and free directions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from engines.core.numerics.lapack import svd
from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.degeneracy.orbits import behavioural_loss
from engines.loss_landscape.degeneracy.synchronised_neurons import blocks, generators
from engines.loss_landscape.hessian.lanczos import largest_eigenpairs, smallest_eigenpairs
from engines.loss_landscape.hessian.products import Product, gauss_newton, reverse_over_reverse
from engines.loss_landscape.loss_surface.surface import Loss
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.modular_addition import Embedding
from engines.loss_landscape.models.network_at_step import NetworkAtStep


class TensorLayout(Protocol):
    """Order of tensors in a flat vector: `Mlp`, or the `layout` of another model."""

    def split(self, theta: Tensor) -> list[Tensor]:
        """Tensors of parameters `[*, P]`."""
        ...

    def join(self, tensors: list[Tensor]) -> Tensor:
        """Flat vector `[*, P]` of tensors."""
        ...


def filter_normalised(tensors: TensorLayout, theta: Tensor, seed: int, biases: bool = False) -> Tensor:
    """Draw a direction `[*, P]` of which each row has the norm of that row of theta; none along biases.

    `d_j <- d_j ‖w_j‖/(‖d_j‖ + 1e-10)`, d ~ N(0, 1), w_j the weights into a neuron; tensors with one axis are zero, and
    so is the last column where `biases` says that it holds them. Members share the draw. Li et al. 2018, "filter".
    """
    source = torch.Generator().manual_seed(seed)
    drawn = torch.randn(theta.shape[-1], generator=source, dtype=torch.float64).to(theta)
    rows = zip(tensors.split(drawn), tensors.split(theta), strict=True)
    return tensors.join([_scaled(d, w, theta.ndim - 1, biases) for d, w in rows])


def _scaled(d: Tensor, w: Tensor, leading: int, biases: bool) -> Tensor:
    """Scale `d [*shape]` to the row norms of one tensor `w [*, *shape]`."""
    if d.ndim == 1:
        return torch.zeros_like(w)
    d, w = d.clone(), w.clone()
    if biases:
        d[..., -1], w[..., -1] = 0, 0
    inner = tuple(range(leading + 1, w.ndim))
    norms = torch.linalg.vector_norm(w, dim=inner, keepdim=True)
    lengths = torch.linalg.vector_norm(d, dim=tuple(range(1, d.ndim)), keepdim=True)
    return d * norms / (lengths + 1e-10)


class PrincipalDirections(NamedTuple):
    """Main directions of a trajectory."""

    directions: Tensor
    """Orthonormal, `[k, *, P]`."""
    shares: Tensor
    """Shares of the sum of squares of `w_t - w_T`, `[k, *]`."""


def principal_directions(trajectory: Tensor, count: int = 2) -> PrincipalDirections:
    """Top right singular vectors of the rows `w_t - w_T`, not centred, of `trajectory [T, *, P]`."""
    steps = (trajectory - trajectory[-1]).movedim(0, -2)
    _, sizes, rows = svd(steps)
    squares = sizes.square()
    shares = squares / squares.sum(-1, keepdim=True)
    return PrincipalDirections(rows[..., :count, :].movedim(-2, 0), shares[..., :count].movedim(-1, 0))


MAX_GENERATOR_NUMBERS = 2**24
"""Most numbers in all generators: an eighth of a gigabyte."""


def free_direction(network: NetworkAtStep) -> Tensor | None:
    """Unit vector `[P]` of type 3 along which the outputs change least at distance 1; None where there is none.

    Exchanges within a block and shifts are exactly straight, rescalings are not: the flattest is one of the former
    where there are any. None as well for a network without gates, and for one that is too large.
    """
    model = network.subject.model
    if not isinstance(model, Mlp | Embedding):
        return None
    net, theta, X = network.perceptron()
    if net.activation != "relu" or sum(net.sizes[1:-1]) * net.P > MAX_GENERATOR_NUMBERS:
        return None
    gates = [z > 0 for z in net.layers(theta, X)[1][:-1]]
    every = generators(net, theta, [blocks(gate) for gate in gates])
    every = every[every.any(-1)][: MAX_GENERATOR_NUMBERS // net.P]
    if not len(every):
        return None
    return _in_subject(model, every[int(_highest_loss(net, theta, X, every).argmin())])


def _highest_loss(net: Mlp, theta: Tensor, X: Tensor, every: Tensor) -> Tensor:
    """Higher of the losses at distance 1 to both sides, `[q]`."""
    sides = [torch.stack([behavioural_loss(net, theta + sign * u, theta, X) for u in every]) for sign in (-1, 1)]
    return torch.maximum(*sides)


def _in_subject(model: Mlp | Embedding, direction: Tensor) -> Tensor:
    """Direction in the parameters of the subject; an embedding stays fixed."""
    if isinstance(model, Mlp):
        return direction
    W, out = Mlp((2 * model.e, model.h, model.p), bias=False).split(direction)
    return model.layout.join([direction.new_zeros(model.p, model.e), W[:, : model.e], W[:, model.e :], out])


LANCZOS_STEPS = 60
"""Lanczos steps; the ends of a spectrum are found long before."""


class LossAtPoint(NamedTuple):
    """A loss, the point at which it is drawn, and the trajectory that led there."""

    loss: Loss
    """Loss `[*]` of parameters `[*, P]`, in float64."""
    origin: Tensor
    """Parameters of the point, `[P]`."""
    trajectory: Tensor
    """Parameters on the way there, `[T, P]`."""
    network: NetworkAtStep | None
    """Network of the loss; None for a loss in closed form."""


class PlaneChoice(NamedTuple):
    """Directions of a plane, with figures and a note about them."""

    directions: Tensor
    """`[2, P]`."""
    facts: dict[str, Any]
    note: str = ""


def choose_plane(kind: str, point: LossAtPoint, seed: int) -> PlaneChoice:
    """Directions of one of `PLANES`. Raises `ConfigError` for another, and where training has not moved yet."""
    if kind not in PLANES:
        raise ConfigError(f"plane={kind} is not one of {', '.join(PLANES)}")
    return PLANES[kind](point, seed)


def _random(point: LossAtPoint, seed: int) -> PlaneChoice:
    model, seeds = _network(point).subject.model, (seed + 1, seed + 2)
    tensors, biases = (model, model.bias) if isinstance(model, Mlp) else (getattr(model, "layout", model), False)
    drawn = [filter_normalised(tensors, point.origin, one, biases) for one in seeds]  # type: ignore[reportArgumentType]
    return PlaneChoice(torch.stack(drawn), {"seed_a": seeds[0], "seed_b": seeds[1]})


def _trajectory(point: LossAtPoint, seed: int) -> PlaneChoice:
    if len(point.trajectory) < 3 or not bool((point.trajectory != point.trajectory[-1]).any()):
        raise ConfigError(
            f"plane=trajectory needs steps that were taken: there are {len(point.trajectory)} snapshots so far"
        )
    principal = principal_directions(point.trajectory)
    return PlaneChoice(
        principal.directions, {"share_a": float(principal.shares[0]), "share_b": float(principal.shares[1])}
    )


def _hessian(point: LossAtPoint, seed: int) -> PlaneChoice:
    return PlaneChoice(_top(point, seed, 2), {})


def _negative(point: LossAtPoint, seed: int) -> PlaneChoice:
    least = smallest_eigenpairs(_product(point), _start(point, seed), _steps(point), 1)
    value = float(least.values[0])
    note = "" if value < 0 else "No curvature is negative here: the second direction is the flattest that was found."
    return PlaneChoice(torch.cat([_top(point, seed, 1), least.vectors]), {}, note)


def _null(point: LossAtPoint, seed: int) -> PlaneChoice:
    network = _network(point)
    free, reason = free_direction(network), "The second direction is one that synchronised neurons leave free."
    if free is None:
        model, X = network.subject.model, network.samples.X
        product = gauss_newton(lambda at: model(at, X), point.origin)
        free = smallest_eigenpairs(product, _start(point, seed), _steps(point), 1).vectors[0]
        reason = "No neuron is free to trade with another: the second direction is the flattest of the outputs."
    return PlaneChoice(torch.stack([_top(point, seed, 1)[0], free]), {}, reason)


def parameter_axes(point: LossAtPoint) -> PlaneChoice:
    """Plane of the first and the last parameter.

    For a loss in closed form, whose parameters have a meaning by themselves. Raises `ConfigError` for a single
    parameter.
    """
    P = len(point.origin)
    if P < 2:
        raise ConfigError(f"a surface needs two parameters, this loss has {P}")
    directions = torch.eye(P, dtype=torch.float64)[[0, -1]]
    return PlaneChoice(directions, {}, "A loss in closed form is drawn over its first and its last parameter.")


PLANES: dict[str, Callable[[LossAtPoint, int], PlaneChoice]] = {
    "random": _random,
    "trajectory": _trajectory,
    "hessian": _hessian,
    "negative": _negative,
    "null": _null,
}
"""Planes by name."""


def curvatures_along(point: LossAtPoint, directions: Tensor) -> Tensor:
    """Curvatures `uᵀ H u/|u|²` at the origin along two directions, `[2]`."""
    return (_product(point)(directions) * directions).sum(-1) / directions.square().sum(-1)


def _network(point: LossAtPoint) -> NetworkAtStep:
    if point.network is None:
        raise ConfigError("a loss in closed form has no layers: this plane needs a network")
    return point.network


def _top(point: LossAtPoint, seed: int, count: int) -> Tensor:
    return largest_eigenpairs(_product(point), _start(point, seed), _steps(point), count).vectors


def _product(point: LossAtPoint) -> Product:
    return reverse_over_reverse(point.loss, point.origin)


def _steps(point: LossAtPoint) -> int:
    return min(LANCZOS_STEPS, len(point.origin))


def _start(point: LossAtPoint, seed: int) -> Tensor:
    source = torch.Generator().manual_seed(seed)
    return torch.randn(len(point.origin), generator=source, dtype=torch.float64)
