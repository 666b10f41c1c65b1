"""Probe of the intrinsic dimension: the number of random directions in which a classifier learns as well as in all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines.core.protocol.config import Knob
from engines.core.protocol.engine import Part, Probe, RunData
from engines.core.protocol.errors import ConfigError
from engines.core.protocol.probe_figures import Lines, Trace
from engines.loss_landscape.models import factory
from engines.loss_landscape.models.model import Trainable
from engines.loss_landscape.models.network_at_step import NetworkAtStep, network_of_run
from engines.loss_landscape.models.own_model import OwnModel
from engines.loss_landscape.training import random_subspace

DIMENSIONS = "10,20,40,60,80,120,160"
"""Usual dimensions; of smaller networks those that they have, and their number of parameters."""

STEPS_PER_PART = 20
"""Steps between two parts of the result."""

MAX_DIMENSIONS = 20
"""Most dimensions in one batch."""

MAX_NUMBERS = 2**25
"""Most numbers in Pm: a quarter of a gigabyte."""


def intrinsic_dimension(
    run: RunData,
    member: int,
    step: int = -1,
    dimensions: str = DIMENSIONS,
    steps: int = 600,
    learning_rate: float = 0.05,
    seed: int = 3,
) -> Iterator[Part]:
    """Test accuracy after training in d random directions, and d_int90, the least d with 90 % of the run's own.

    `theta = theta_0 + Pm z`; theta_0 begins anew from `seed`, which draws Pm `[P, d]` as well. One batch of all d.
    Raises `ConfigError` for a subject without labels, and for dimensions that are not ascending whole numbers up to P.
    Li et al. 2018, arXiv 1804.08838.
    """
    network = network_of_run(run, member, step)
    yield from train_in_subspaces(network, parse_dimensions(dimensions, len(network.theta)), steps, learning_rate, seed)


def parse_dimensions(text: str, P: int) -> list[int]:
    """Parse dimensions such as `10,20,40`, ascending. Raises `ConfigError` for other text."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
        raise ConfigError(f"dimensions={text!r} is not of the form 10,20,40")
    dimensions = [int(part) for part in parts]
    if text == DIMENSIONS and dimensions[-1] > P:
        dimensions = [*(d for d in dimensions if d < P), P]
    if (
        dimensions != sorted(set(dimensions))
        or not 1 <= dimensions[0] <= dimensions[-1] <= P
        or len(dimensions) > MAX_DIMENSIONS
    ):
        raise ConfigError(
            f"dimensions={text!r} are not up to {MAX_DIMENSIONS} ascending numbers from 1 to the {P} parameters"
        )
    if P * dimensions[-1] > MAX_NUMBERS:
        raise ConfigError(
            f"{dimensions[-1]} directions of {P} parameters are more than {MAX_NUMBERS:,} numbers: ask fewer"
        )
    return dimensions


def train_in_subspaces(
    network: NetworkAtStep, dimensions: Sequence[int], steps: int, lr: float, seed: int
) -> Iterator[Part]:
    """Parts of the result: the accuracies so far. Errors as `intrinsic_dimension`."""
    if isinstance(network.subject.model, OwnModel) and network.config.sampled:
        raise ConfigError(
            "your model is where you brought it, and the question is from where it learns: bring it before it is "
            "trained, and train it here (optimizer=adamw)"
        )
    subject = _classifier(network).to(torch.float32)
    start = factory.build([network.config.replace(seed=seed)]).start[0].float()
    base = float(subject.accuracy(network.theta.float()))
    # The stream that drew the start would draw a projection that is correlated with it.
    course = random_subspace.training_steps(subject.gradient, start, dimensions, seed + 1, steps, lr)
    for done, theta in enumerate(course, 1):
        if done % STEPS_PER_PART == 0 or done == steps:
            yield Part(done / steps, accuracy_values(subject, theta, dimensions, base))


def _classifier(network: NetworkAtStep) -> Trainable:
    if network.subject.test.y.is_floating_point():
        raise ConfigError(f"subject={network.config.subject} has no labels: the intrinsic dimension is about accuracy")
    return network.subject


def accuracy_values(subject: Trainable, theta: Tensor, dimensions: Sequence[int], base: float) -> dict[str, Any]:
    """Accuracies of `theta [D, P]`, and the intrinsic dimension by them."""
    accuracy = subject.accuracy(theta).numpy().astype(float)
    tried, between = random_subspace.d_int90(dimensions, accuracy.tolist(), base)
    return {
        "dimension": np.array(dimensions), "accuracy": accuracy, "level": np.full(len(dimensions), 0.9 * base),
        "base_accuracy": base, "d_int90": np.nan if tried is None else tried,
        "d_int90_interpolated": np.nan if between is None else between,
        "note": dimension_note(tried, dimensions, base),
    }  # fmt: skip


def dimension_note(tried: int | None, dimensions: Sequence[int], base: float) -> str:
    """Result as a sentence."""
    threshold = f"90 % of the {100 * base:.1f} % that the run has at this step"
    if tried is None:
        return f"None of these dimensions reaches {threshold}: try more than {dimensions[-1]}."
    first = tried == dimensions[0]
    return f"{tried} is the least of these dimensions with {threshold}{': try fewer' if first else ''}."


PROBE = Probe(
    labels={"d_int90": "directions for 90 % of the accuracy", "d_int90_interpolated": "the same, interpolated"},
    name="intrinsic_dimension",
    title="In how many random directions can it learn?",
    doc="The network is trained again in a few random directions only. The accuracy rises to that of the whole; where "
    "it passes 90 % of that is the intrinsic dimension, far below the number of parameters.",
    compute=intrinsic_dimension,
    pictures=(
        Lines(
            traces=(
                Trace(x="dimension", y="accuracy", label="test accuracy", style="points"),
                Trace(x="dimension", y="level", label="90 % of the run's own", style="theory"),
            ),
            x_label="dimension d",
            y_label="test accuracy",
            log_x=True,
        ),
    ),
    knobs=(
        Knob(name="dimensions", doc="dimensions of the random subspaces, ascending"),
        Knob(name="steps", doc="steps of Adam in each subspace", bounds=(1, 20_000), soft=(100, 2000), log=True),
        Knob(name="learning_rate", doc="step size of Adam", bounds=(1e-6, 10), soft=(1e-3, 0.3), log=True),
        Knob(name="seed", doc="draws the start and the directions", bounds=(0, 2**31 - 2)),
    ),
)
