"""Probe of mode connectivity: whether two networks that learned from different starts lie in one valley."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines.core.protocol.config import Knob
from engines.core.protocol.engine import Part, Probe, RunData
from engines.core.protocol.errors import ConfigError
from engines.core.protocol.probe_figures import Lines, Trace
from engines.core.subjects import named_subjects
from engines.loss_landscape.loss_surface.mode_connectivity import barrier, bezier, line, train_bezier_steps
from engines.loss_landscape.loss_surface.surface import losses_at
from engines.loss_landscape.models import network_at_step
from engines.loss_landscape.models.network_at_step import NetworkAtStep, network_of_run
from engines.loss_landscape.models.own_model import OwnModel

SLICES = 40
"""Parts of each half of the work."""


def connectivity(
    run: RunData,
    member: int,
    step: int = -1,
    other_seed: int = 1,
    points: int = 25,
    steps: int = 600,
    learning_rate: float = 0.01,
    seed: int = 0,
    other_model: str = "",
) -> Iterator[Part]:
    """Losses on the straight line to the network of another seed, and on a curve that is trained to be low.

    `(1 - t)² w0 + 2 t (1 - t) middle + t² w1`, t `[T]`; losses `[T]` on the run's own samples. The other network has
    the same knobs and live edits and is trained to the same step; of your own model it is another that you brought, by
    its name. Raises `ConfigError` where the two are the same, or differ in their shapes. Garipov et al. 2018, arXiv
    1802.10026.
    """
    step = int(run.steps[-1]) if step < 0 else step
    network = network_of_run(run, member, step)
    if isinstance(network.subject.model, OwnModel):
        mine = _other_own_model(network.subject.model, other_model)
        yield from connect(network, mine, points, steps, learning_rate, seed)
        return
    if other_seed == network.config.seed:
        raise ConfigError(f"other_seed={other_seed} is the seed of this run: the other network would be the same")
    other = network.theta
    for share, reached in train_other_seed(run, member, step, network, other_seed):
        other = reached
        yield Part(share / 2, {})
    for part in connect(network, other, points, steps, learning_rate, seed):
        yield Part((1 + part.share) / 2, part.values)


def _other_own_model(model: OwnModel, name: str) -> Tensor:
    """Parameters `[P]` of another model of a person's own. Raises `ConfigError` for one of other shapes, or none."""
    if not name:
        raise ConfigError("other_model is empty: it is to name another model that you brought, of the same shapes")
    return model.subject.at(named_subjects.find(name).precise.params).theta


def train_other_seed(
    run: RunData, member: int, step: int, network: NetworkAtStep, seed: int
) -> Iterator[tuple[float, Tensor]]:
    """Train the same member from another seed.

    Yields the share that is done and its parameters `[P]`, the last at the step.
    """
    if network.config.sampled:
        yield 1.0, network_at_step.network_of_config(network.config.replace(seed=seed)).theta
        return
    other = RunData(run.engine, [one.replace(seed=seed) for one in run.initial_configs], device=run.device)
    other.recording.events = run.recording.events
    stops = np.unique(np.linspace(0, step, SLICES + 1).round().astype(int)).tolist()
    for stop, theta in zip(stops, network_at_step.snapshots(other, member, stops), strict=True):
        yield stop / max(step, 1), theta


def connect(network: NetworkAtStep, other: Tensor, points: int, steps: int, lr: float, seed: int) -> Iterator[Part]:
    """Parts of the result for parameters `other [P]`: the line at once, the curve as far as it has been trained.

    Raises `ConfigError` where the two are equal, or not finite.
    """
    if not bool(network.theta.isfinite().all() and other.isfinite().all()):
        raise ConfigError("one of the two networks has weights that are not finite: it has diverged before this step")
    if torch.equal(network.theta, other):
        raise ConfigError(f"subject={network.config.subject} begins the same for every seed: there is no other network")
    subject = network.subject.to(torch.float32)
    w0, w1 = network.theta.float()[None], other.float()[None]
    t = torch.linspace(0, 1, points)
    straight = losses_on_curve(network, line(w0, w1, t))
    for done, middle in enumerate(train_bezier_steps(subject.gradient, w0, w1, steps, lr, seed), 1):
        if done % max(1, steps // SLICES) == 0 or done == steps:
            yield Part(
                done / steps, connectivity_values(t, straight, losses_on_curve(network, bezier(w0, middle, w1, t)))
            )


def losses_on_curve(network: NetworkAtStep, points: Tensor) -> Tensor:
    """Losses on training and test samples, `[T, 2]`, of points `[T, 1, P]`."""
    subject = network.subject.to(torch.float32)
    losses = [
        losses_at(lambda at, where=where: subject.loss(at, where), points) for where in (subject.train, subject.test)
    ]
    return torch.cat(losses, -1)


def connectivity_values(t: Tensor, straight: Tensor, curve: Tensor) -> dict[str, Any]:
    """Losses `[T, 2]` on line and curve as values, with the barriers."""
    heights = {"barrier_line": float(barrier(straight, t)[0]), "barrier_curve": float(barrier(curve, t)[0])}
    return {
        "t": t.numpy(),
        "line": straight[:, 0].numpy(), "line_test": straight[:, 1].numpy(),
        "curve": curve[:, 0].numpy(), "curve_test": curve[:, 1].numpy(),
        "loss_max_line": float(straight[:, 0].max()), "loss_max_curve": float(curve[:, 0].max()),
        **heights, "loss_start": float(straight[0, 0]), "loss_end": float(straight[-1, 0]),
        "note": barrier_note(**heights),
    }  # fmt: skip


def barrier_note(barrier_line: float, barrier_curve: float) -> str:
    """Result as a sentence."""
    if barrier_line <= 1e-6:
        return "There is no barrier on the straight line: both networks lie in one valley, which is convex here."
    drop = f"The line climbs {barrier_line:.3g} above its ends, the curve {max(barrier_curve, 0):.3g}"
    if barrier_curve < 0.1 * barrier_line:
        return f"{drop}: there is a way round the hill, the two lie in one valley."
    return f"{drop}: this curve has not found a way round; more steps or another learning rate may."


PROBE = Probe(
    name="connectivity",
    title="Is there a way to the network of another seed?",
    doc="A second network is trained from another start. On the straight line between the two the loss climbs; a curve "
    "that is trained to be low goes round.",
    compute=connectivity,
    pictures=(
        Lines(
            traces=(
                Trace(x="t", y="line", label="straight line", style="line"),
                Trace(x="t", y="line_test", label="straight line, test", style="line"),
                Trace(x="t", y="curve", label="trained curve", style="line"),
                Trace(x="t", y="curve_test", label="trained curve, test", style="line"),
            ),
            x_label="0: this network, 1: the other",
            y_label="loss",
            log_y=True,
        ),
    ),
    knobs=(
        Knob(name="other_model", doc="another model of yours at the other end, by its name", more=True),
        Knob(name="other_seed", doc="seed of the network at the other end", bounds=(0, 2**31 - 1), soft=(0, 99)),
        Knob(
            name="points", doc="places on line and curve at which the loss is shown", bounds=(3, 1001), soft=(11, 101)
        ),
        Knob(name="steps", doc="steps of Adam for the curve", bounds=(1, 20_000), soft=(100, 2000), log=True),
        Knob(name="learning_rate", doc="step size of Adam", bounds=(1e-6, 1), soft=(1e-3, 0.1), log=True),
        Knob(name="seed", doc="draws where on the curve it is trained", bounds=(0, 2**31 - 1)),
    ),
)
