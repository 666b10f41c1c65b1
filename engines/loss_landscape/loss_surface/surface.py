"""The loss on a plane in parameter space: evaluated coarse to fine, quickly for perceptrons, saved and read back.

The first layer of a perceptron is linear in the parameters, so all its products with the data are made once: at the
origin and along both directions. Samples come last, `[C, d, n]`: networks here are narrow, their data is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engines.core.protocol.errors import ConfigError, StoreError
from engines.loss_landscape.models.mlp import ACTIVATIONS, Mlp
from engines.loss_landscape.models.model import Samples

Loss = Callable[[Tensor], Tensor]
"""Map parameters `[C, *, P]` to losses `[C, *]`."""


class Plane(NamedTuple):
    """A plane `origin + a d_1 + b d_2`; the directions need be neither orthogonal nor of unit length."""

    origin: Tensor
    """`[*, P]`."""
    directions: Tensor
    """`[2, *, P]`."""

    def at(self, coordinates: Tensor) -> Tensor:
        """Points `[C, *, P]` with coordinates `[C, 2]`, the same in every member."""
        return self.origin + torch.tensordot(coordinates.to(self.origin), self.directions, 1)

    def project(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Nearest coordinates `[T, *, 2]` of points `[T, *, P]`, by least squares, and how far off they are.

        Distances are `‖w - projection‖/‖w - origin‖`, `[T, *]`: 0 in the plane, 1 at right angles to it.
        """
        axes, away = self.directions.movedim(0, -1), points - self.origin
        coordinates = torch.linalg.lstsq(axes, away.movedim(0, -1)).solution.movedim(-1, 0)
        remainder = away - (axes @ coordinates[..., None])[..., 0]
        length = torch.linalg.vector_norm(away, dim=-1)
        off = torch.linalg.vector_norm(remainder, dim=-1) / torch.where(length > 0, length, 1)
        return coordinates, off


def coarse_to_fine(rows: int, columns: int) -> list[Tensor]:
    """Numbers `i columns + j` of all points of a grid, int64 `[m]` a level: each point is in one level.

    First a coarse lattice, then level by level the points that halve its spacing.
    """
    step = 1 << (max(rows, columns) - 1).bit_length()
    covered, levels = torch.zeros(rows, columns, dtype=torch.bool), []
    while step:
        lattice = torch.zeros_like(covered)
        lattice[::step, ::step] = True
        levels.append((lattice & ~covered).flatten().nonzero().flatten())
        covered |= lattice
        step //= 2
    return [level for level in levels if len(level)]


@torch.no_grad()
def evaluate_coordinates(losses: Loss, axes: tuple[Tensor, Tensor], chunk: int = 17) -> Iterator[Tensor]:
    """Yield the losses `[n_a, n_b, *]` computed so far, NaN elsewhere, after each block of at most `chunk` points.

    `losses` maps coordinates `[C, 2]` in the plane to losses `[C, *]`.
    """
    grid, values = torch.cartesian_prod(*axes), torch.empty(0)
    for level in coarse_to_fine(*map(len, axes)):
        for part in level.split(chunk):
            computed = losses(grid[part])
            if not len(values):
                values = computed.new_full((len(grid), *computed.shape[1:]), torch.nan)
            values[part] = computed
            yield values.clone().unflatten(0, (len(axes[0]), len(axes[1])))


@torch.no_grad()
def losses_at(loss: Loss, points: Tensor, chunk: int = 17) -> Tensor:
    """Losses `[T, *]` of points `[T, *, P]`: a trajectory's true loss is not that of the surface below it."""
    return torch.cat([loss(part) for part in points.split(chunk)])


@dataclass(frozen=True)
class Surface:
    """Raw losses on a plane, and all that is needed to compute them again."""

    plane: Plane
    axes: tuple[Tensor, Tensor]
    """`[n_a]`, `[n_b]`: coordinates along the two directions."""
    values: Tensor
    """`[n_a, n_b, *]`, NaN where not evaluated."""
    kind: str
    """Kind of the plane's directions."""
    seeds: tuple[int, ...] = ()
    """Seeds of the directions, where they are drawn."""

    def save(self, path: Path) -> None:
        """Write a `.npz` of arrays alone."""
        (a, b), plane = self.axes, self.plane
        tensors = {"origin": plane.origin, "directions": plane.directions, "a": a, "b": b, "values": self.values}
        arrays: dict[str, Any] = {name: tensor.cpu().numpy() for name, tensor in tensors.items()}
        arrays |= {"kind": np.array(self.kind), "seeds": np.array(self.seeds, dtype=np.int64)}
        with path.open("wb") as file:  # numpy would give a path without .npz another name
            np.savez_compressed(file, **arrays)

    @classmethod
    def load(cls, path: Path) -> Surface:
        """Read a file of `save`; nothing in it is executed. Raises `StoreError` for another file."""
        try:
            with np.load(path, allow_pickle=False) as file:
                stored = {name: file[name] for name in ("origin", "directions", "a", "b", "values")}
                kind, seeds = str(file["kind"]), tuple(file["seeds"].tolist())
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise StoreError(f"{path} is not a saved surface ({error})") from error
        t = {name: torch.from_numpy(array) for name, array in stored.items()}
        return cls(Plane(t["origin"], t["directions"]), (t["a"], t["b"]), t["values"], kind, seeds)


def square_axes(half: float, points: int) -> tuple[Tensor, Tensor]:
    """Make both axes, from -half to half, `[points]` each. Raises `ConfigError` for fewer than two points."""
    if points < 2:
        raise ConfigError(f"points={points} is below 2, the fewest that span an axis")
    axis = torch.linspace(-half, half, points, dtype=torch.float64)
    return axis, axis


def mlp_losses_on_plane(net: Mlp, plane: Plane, samples: Samples) -> Callable[[Tensor], Tensor]:
    """Losses `L(origin + a d_1 + b d_2) [C]` of a perceptron as a function of coordinates `[C, 2]`; samples `[n, d]`.

    Cross-entropy of labels `[n]`, half the squared error of targets `[n, k]`. Several times faster than point by point.
    """
    first, n = _first_layer(net, plane, samples.X), len(samples.X)
    criterion = _criterion(samples.y)

    def losses(coordinates: Tensor) -> Tensor:
        coordinates = coordinates.to(first)
        one = torch.ones_like(coordinates[:, :1])
        z = (torch.cat([one, coordinates], -1) @ first).unflatten(-1, (-1, n))
        for W in _weights_above(net, plane.at(coordinates)):
            z = W @ _activated(net, z)
        return criterion(z)

    return losses


def _first_layer(net: Mlp, plane: Plane, X: Tensor) -> Tensor:
    """Outputs of the first layer at the origin and along the directions, `[3, (d_1 + 1) n]`, the constant with it."""
    data = net.extended(X).mT
    made = torch.stack([net.split(one)[0] @ data for one in (plane.origin, *plane.directions)])
    if net.bias and len(net.shapes) > 1:
        made = functional.pad(made, (0, 0, 0, 1))
    return made.flatten(1)


def _weights_above(net: Mlp, theta: Tensor) -> list[Tensor]:
    """Weights `[C, d', D]` of the other layers.

    All but the last have a row for the constant, which `_activated` fills.
    """
    weights = net.split(theta)[1:]
    if net.bias:
        weights[:-1] = [functional.pad(W, (0, 0, 0, 1)) for W in weights[:-1]]
    return weights


def _activated(net: Mlp, z: Tensor) -> Tensor:
    """Activations with the constant, `[phi(z); 1]`."""
    made = ACTIVATIONS[net.activation](z)
    if net.bias:
        made[:, -1] = 1
    return made


def _criterion(y: Tensor) -> Callable[[Tensor], Tensor]:
    """Loss `[C]` of outputs `[C, k, n]` on labels or targets."""
    if y.is_floating_point():
        return lambda outputs: (outputs - y.mT).square().sum(-2).mean(-1) / 2
    flat_labels = y * len(y) + torch.arange(len(y))  # torch's own cross-entropy takes twice as long with samples last
    return lambda outputs: -outputs.log_softmax(-2).flatten(1).index_select(1, flat_labels).mean(-1)
