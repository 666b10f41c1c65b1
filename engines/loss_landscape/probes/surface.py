"""The loss on a plane through where a run is, and the way that it came."""

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
from engines.loss_landscape.models.model import Samples, half_squared_error

DELTA = 1e-6
"""Heights are `log10(L + delta)`: below it, float32 has nothing to say."""

SNAPSHOTS = 40
"""Of the way, beside its beginning."""

BATCHES_PER_PART = 4
"""Batches of points between two parts."""

CACHED_NUMBERS = 2**19
"""Numbers of one layer in a batch of points: what a core keeps near."""


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
    """`L(w + a d_1 + b d_2)` on a grid, coarse to fine, and the trajectory at its TRUE loss.

    Planes are `random` (rows of d as long as those of w, to -span .. span), `trajectory` (main directions of the way,
    which the grid then covers, times span), or along unit vectors: `hessian` (the two largest curvatures), `negative`
    (the largest and the most negative), `null` (the largest and a free direction). `loss` is what is `trained`, or
    `behavioural`, `|f - f(w)|²/2`. Values: axes `a [n]`, `b [n]`, `height [n_b, n_a]` in log10, `losses`; the way
    `[T]`; `origin [P]` and `directions [2, P]`, from which all can be made again. Raises `ConfigError` where a plane
    does not exist, and for weights that are not finite. Li et al. 2018, arXiv 1712.09913.
    """
    step = int(run.steps[-1]) if step < 0 else step
    stops = np.unique(np.linspace(0, step, SNAPSHOTS + 1).round().astype(int)).tolist()
    way = []
    for theta in network_at_step.snapshots(run, member, stops):
        way.append(theta)
        yield Part(0.3 * len(way) / len(stops), {})
    there = loss_at_point(run.config(member, step), torch.stack(way), loss)
    for part in surface_parts(there, plane, resolution, span, seed):
        yield Part(0.3 + 0.7 * part.share, {**part.values, "path_step": np.array(stops)})


def loss_at_point(config: LossLandscape, way: Tensor, loss: str = "trained") -> LossAtPoint:
    """What is looked at of a configuration that came along `way [T, P]`; what is sampled, at w* itself."""
    if config.subject == "potential":
        found = potentials.potential(config)
        return LossAtPoint(found.loss, found.star, way, None)
    found = network_at_step.network_of_config(config, None if config.sampled else way[-1])
    X, model = found.samples.X, found.subject.model
    subject = replace(found.subject, train=found.samples)
    if loss == "behavioural":
        with torch.no_grad():
            subject = replace(subject, train=Samples(X, model(found.theta, X)), criterion=half_squared_error)
    return LossAtPoint(subject.loss, found.theta, way, found._replace(subject=subject))


def surface_parts(ground: LossAtPoint, kind: str, resolution: int, span: float, seed: int) -> Iterator[Part]:
    """Parts of the outcome. Errors as `surface`."""
    if not 3 <= resolution <= 201:
        raise ConfigError(f"resolution={resolution} is not from 3 to 201 points along an axis")
    if not bool(ground.way.isfinite().all() and ground.origin.isfinite().all()):
        raise ConfigError("the weights are not finite: the run has diverged before this step, choose an earlier one")
    chosen = parameter_axes(ground) if ground.found is None else choose_plane(kind, ground, seed)
    plane = Plane(ground.origin, chosen.directions)
    path = trajectory_values(ground, plane)
    axes = (
        covering_axes(path, resolution, span)
        if kind == "trajectory" and ground.found
        else square_axes(span, resolution)
    )
    known = plane_values(ground, chosen) | path | {"a": axes[0].numpy(), "b": axes[1].numpy()}
    losses, chunk = fast_losses(ground, plane)
    values, every = torch.zeros(0), resolution**2
    for at, values in enumerate(evaluate_coordinates(losses, axes, chunk)):
        if at % BATCHES_PER_PART == 0:
            yield Part(float((~values.isnan()).sum()) / every, known | loss_values(values))
    yield Part(1.0, known | loss_values(values))


def fast_losses(ground: LossAtPoint, plane: Plane) -> tuple[Loss, int]:
    """Losses of coordinates `[C, 2]`, in float32 where the data is large, and how many points to take at once."""
    if ground.found is None:
        return lambda coordinates: ground.loss(plane.at(coordinates)), 1024
    config, subject = ground.found.config, ground.found.subject.to(torch.float32)
    near, model, n = Plane(plane.origin.float(), plane.directions.float()), subject.model, len(subject.train.X)
    if isinstance(model, Mlp):
        return mlp_losses_on_plane(model, near, subject.train), max(1, CACHED_NUMBERS // (n * max(model.sizes[1:])))
    wide = max(config.width, config.modulus, 4 * config.embedding)
    return lambda coordinates: subject.loss(near.at(coordinates)), max(1, CACHED_NUMBERS // (n * wide))


def trajectory_values(ground: LossAtPoint, plane: Plane) -> dict[str, Any]:
    """The way seen in the plane, at its true loss, and how far off the plane it was."""
    coordinates, off = plane.project(ground.way)
    losses = losses_at(ground.loss, ground.way)
    return {
        "path_a": coordinates[:, 0].numpy(), "path_b": coordinates[:, 1].numpy(), "path_off": off.numpy(),
        "path_loss": losses.numpy(), "path_height": (losses + DELTA).log10().numpy(),
    }  # fmt: skip


def covering_axes(path: dict[str, Any], resolution: int, span: float) -> tuple[Tensor, Tensor]:
    """Axes that hold the whole way with a margin of a tenth, times span."""
    lows, highs = zip(*[(path[name].min(), path[name].max()) for name in ("path_a", "path_b")], strict=True)
    widths = np.subtract(highs, lows)
    halves = 0.6 * span * np.maximum(widths, 0.05 * widths.max())
    a, b = (torch.linspace(m - h, m + h, resolution, dtype=torch.float64)
            for m, h in zip(np.add(lows, highs) / 2, halves, strict=True))  # fmt: skip
    return a, b


def plane_values(ground: LossAtPoint, chosen: PlaneChoice) -> dict[str, Any]:
    """Numbers of the plane, and what it takes to make it again."""
    curvature = curvatures_along(ground, chosen.directions)
    with torch.no_grad():
        here = float(ground.loss(ground.origin))
    return chosen.facts | {
        "loss_here": here, "curvature_a": float(curvature[0]), "curvature_b": float(curvature[1]),
        "delta": DELTA, "origin": ground.origin.numpy(), "directions": chosen.directions.numpy(), "note": chosen.note,
    }  # fmt: skip


def loss_values(values: Tensor) -> dict[str, Any]:
    """Of losses `[n_a, n_b]`: rows go along b. What overflowed has no height."""
    logs = (values + DELTA).log10().double()
    known = values[values.isfinite()]
    return {
        "losses": values.mT.numpy().astype(float),
        "height": torch.where(logs.isinf(), torch.nan, logs).mT.numpy(),
        "lowest": float(known.min()) if len(known) else np.nan,
        "highest": float(known.max()) if len(known) else np.nan,
    }


PROBE = Probe(
    name="surface",
    title="The surface around where it is",
    doc="The loss on a plane through the parameters. The way of training is drawn at its true loss, not on the "
    "surface: it ran outside the plane, and the colour says how far.",
    compute=surface,
    pictures=(
        Relief(
            values="height", x="a", y="b", x_label="along the first direction", y_label="along the second",
            label="log10 L", path=("path_a", "path_b", "path_height", "path_off"),
        ),
        Heat(
            values="height", x="a", y="b", x_label="along the first direction", y_label="along the second",
            label="log₁₀ (L + 10⁻⁶)", path=("path_a", "path_b"),
        ),
    ),
    knobs=(
        Knob(name="plane", doc="random, rows as long as the weights'; where training went; along curvatures: the two "
             "largest, the largest and the most negative, the largest and a free direction", choices=tuple(PLANES)),
        Knob(name="resolution", doc="points along an axis", bounds=(3, 201), soft=(11, 101)),
        Knob(name="span", doc="from the middle to the edge; of a trajectory, times what holds it", bounds=(1e-4, 100),
             soft=(0.05, 3), log=True),
        Knob(name="seed", doc="draws the directions", bounds=(0, 2**31 - 3)),
        Knob(name="loss", doc="the loss that is trained, or by how much the outputs change",
             choices=("trained", "behavioural")),
    ),
)  # fmt: skip
