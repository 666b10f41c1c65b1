"""Probe of the loss surface: the loss on a plane through where a run is, and the trajectory that led there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines.core.protocol.config import Knob
from engines.core.protocol.engine import Part, Probe, RunData
from engines.core.protocol.errors import ConfigError
from engines.core.protocol.probe_figures import Heat, Relief
from engines.loss_landscape.config import LossLandscape
from engines.loss_landscape.loss_surface.planes import (
    PLANES,
    LossAtPoint,
    PlaneChoice,
    choose_plane,
    curvatures_along,
    parameter_axes,
)
from engines.loss_landscape.loss_surface.surface import (
    Loss,
    Plane,
    evaluate_coordinates,
    losses_at,
    mlp_losses_on_plane,
    square_axes,
)
from engines.loss_landscape.models import network_at_step, potentials
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.own_model import OwnModel

DELTA = 1e-6
"""Offset of the logarithm `log10(L + delta)`: below it, float32 has nothing to say."""

SNAPSHOTS = 40
"""Points of the trajectory, beside its beginning."""

BLOCKS_PER_PART = 4
"""Blocks of points between two parts of the result."""

CACHED_NUMBERS = 2**19
"""Numbers of one layer in a block of points: as many as a core keeps near."""


def surface(
    run: RunData,
    member: int,
    step: int = -1,
    plane: str = "random",
    resolution: int = 25,
    span: float = 1.0,
    seed: int = 0,
    loss: str = "trained",
) -> Iterator[Part]:
    """Loss `L(w + a d_1 + b d_2)` on a grid, coarse to fine, and the trajectory at its TRUE loss.

    Planes are `random` (rows of d as long as those of w, to -span .. span), `trajectory` (main directions of the
    trajectory, which the grid then covers, times span), or along unit vectors: `hessian` (the two largest curvatures),
    `negative` (the largest and the most negative), `null` (the largest and a free direction). `loss` is the `trained`
    one, or `behavioural`, `|f - f(w)|²/2`. Values: axes `a [n]`, `b [n]`, `log_loss [n_b, n_a]` in log10, `losses`; the
    trajectory `path_* [T]`; `origin [P]` and `directions [2, P]`, from which all can be made again. Raises
    `ConfigError` where a plane does not exist, and for weights that are not finite. Li et al. 2018, arXiv 1712.09913.
    """
    step = int(run.steps[-1]) if step < 0 else step
    stops = np.unique(np.linspace(0, step, SNAPSHOTS + 1).round().astype(int)).tolist()
    trajectory = []
    for theta in network_at_step.snapshots(run, member, stops):
        trajectory.append(theta)
        yield Part(0.3 * len(trajectory) / len(stops), {})
    point = loss_at_point(run.config(member, step), torch.stack(trajectory), loss)
    for part in surface_parts(point, plane, resolution, span, seed):
        yield Part(0.3 + 0.7 * part.share, {**part.values, "path_step": np.array(stops)})


def loss_at_point(config: LossLandscape, trajectory: Tensor, loss: str = "trained") -> LossAtPoint:
    """Loss and point of a configuration with its `trajectory [T, P]`; of a sampled one at w* itself."""
    if config.subject == "potential":
        network = potentials.potential(config)
        return LossAtPoint(network.loss, network.star, trajectory, None)
    network = network_at_step.network_of_config(config, None if config.sampled else trajectory[-1])
    subject = replace(network.subject, train=network.samples)
    if loss == "behavioural":
        subject = subject.behavioural(network.theta)
    return LossAtPoint(subject.loss, network.theta, trajectory, network._replace(subject=subject))


def surface_parts(point: LossAtPoint, kind: str, resolution: int, span: float, seed: int) -> Iterator[Part]:
    """Parts of the result for a loss at a point. Errors as `surface`."""
    if not 3 <= resolution <= 201:
        raise ConfigError(f"resolution={resolution} is not from 3 to 201 points along an axis")
    if not bool(point.trajectory.isfinite().all() and point.origin.isfinite().all()):
        raise ConfigError("the weights are not finite: the run has diverged before this step, choose an earlier one")
    chosen = parameter_axes(point) if point.network is None else choose_plane(kind, point, seed)
    plane = Plane(point.origin, chosen.directions)
    path = trajectory_values(point, plane)
    axes = (
        covering_axes(path, resolution, span)
        if kind == "trajectory" and point.network
        else square_axes(span, resolution)
    )
    fixed = plane_values(point, chosen) | path | {"a": axes[0].numpy(), "b": axes[1].numpy()}
    losses, chunk = fast_losses(point, plane)
    values, every = torch.zeros(0), resolution**2
    for at, values in enumerate(evaluate_coordinates(losses, axes, chunk)):
        if at % BLOCKS_PER_PART == 0:
            yield Part(float((~values.isnan()).sum()) / every, fixed | loss_values(values))
    yield Part(1.0, fixed | loss_values(values))


def fast_losses(point: LossAtPoint, plane: Plane) -> tuple[Loss, int]:
    """Losses of coordinates `[C, 2]`, in float32 where the data is large, and how many points to take at once."""
    if point.network is None:
        return lambda coordinates: point.loss(plane.at(coordinates)), 1024
    config, subject = point.network.config, point.network.subject.to(torch.float32)
    near, model, n = Plane(plane.origin.float(), plane.directions.float()), subject.model, len(subject.train.X)
    if isinstance(model, Mlp):
        return mlp_losses_on_plane(model, near, subject.train), max(1, CACHED_NUMBERS // (n * max(model.sizes[1:])))
    wide = max(config.width, config.modulus, 4 * config.embedding)
    if isinstance(model, OwnModel):
        wide = model.subject.numbers
    return lambda coordinates: subject.loss(near.at(coordinates)), max(1, CACHED_NUMBERS // (n * wide))


def trajectory_values(point: LossAtPoint, plane: Plane) -> dict[str, Any]:
    """Trajectory projected on the plane, at its true loss, and how far off the plane it was."""
    coordinates, off = plane.project(point.trajectory)
    losses = losses_at(point.loss, point.trajectory)
    return {
        "path_a": coordinates[:, 0].numpy(), "path_b": coordinates[:, 1].numpy(), "path_off_plane": off.numpy(),
        "path_loss": losses.numpy(), "path_log_loss": (losses + DELTA).log10().numpy(),
    }  # fmt: skip


def covering_axes(path: dict[str, Any], resolution: int, span: float) -> tuple[Tensor, Tensor]:
    """Make axes `[resolution]` of both directions that hold the whole trajectory, `path_a` and `path_b` `[T]`.

    Each is as long as the trajectory is wide, with a margin of a tenth on either side, times span; neither width
    counts as less than a twentieth of the other.
    """
    lows, highs = zip(*[(path[name].min(), path[name].max()) for name in ("path_a", "path_b")], strict=True)
    widths = np.subtract(highs, lows)
    halves = 0.6 * span * np.maximum(widths, 0.05 * widths.max())
    a, b = (torch.linspace(m - h, m + h, resolution, dtype=torch.float64)
            for m, h in zip(np.add(lows, highs) / 2, halves, strict=True))  # fmt: skip
    return a, b


def plane_values(point: LossAtPoint, chosen: PlaneChoice) -> dict[str, Any]:
    """Figures of the plane, and its origin and directions."""
    curvature = curvatures_along(point, chosen.directions)
    with torch.no_grad():
        here = float(point.loss(point.origin))
    return chosen.facts | {
        "loss_at_origin": here, "curvature_a": float(curvature[0]), "curvature_b": float(curvature[1]),
        "delta": DELTA, "origin": point.origin.numpy(), "directions": chosen.directions.numpy(), "note": chosen.note,
    }  # fmt: skip


def loss_values(values: Tensor) -> dict[str, Any]:
    """Losses `[n_a, n_b]` and their logarithms with rows along b; NaN where they overflowed."""
    logs = (values + DELTA).log10().double()
    finite = values[values.isfinite()]
    return {
        "losses": values.mT.numpy().astype(float),
        "log_loss": torch.where(logs.isinf(), torch.nan, logs).mT.numpy(),
        "loss_min": float(finite.min()) if len(finite) else np.nan,
        "loss_max": float(finite.max()) if len(finite) else np.nan,
    }


PROBE = Probe(
    name="surface",
    title="The surface around where it is",
    doc="The loss on a plane through the parameters. The way of training is drawn at its true loss, not on the "
    "surface: it ran outside the plane, and the colour says how far.",
    compute=surface,
    pictures=(
        Relief(
            values="log_loss", x="a", y="b", x_label="along the first direction", y_label="along the second",
            label="log10 L", path=("path_a", "path_b", "path_log_loss", "path_off_plane"),
        ),
        Heat(
            values="log_loss", x="a", y="b", x_label="along the first direction", y_label="along the second",
            label="log₁₀ (L + 10⁻⁶)", path=("path_a", "path_b"),
        ),
    ),
    knobs=(
        Knob(name="plane", doc="random, rows as long as the weights'; where training went; along curvatures: the two "
             "largest, the largest and the most negative, the largest and a free direction", choices=tuple(PLANES)),
        Knob(name="resolution", doc="points along an axis", bounds=(3, 201), soft=(11, 101)),
        Knob(name="span", doc="distance from the middle to the edge; of a trajectory, times what holds it",
             bounds=(1e-4, 100), soft=(0.05, 3), log=True),
        Knob(name="seed", doc="draws the directions", bounds=(0, 2**31 - 3)),
        Knob(name="loss", doc="the loss that is trained, or by how much the outputs change",
             choices=("trained", "behavioural")),
    ),
)  # fmt: skip
