"""Perceptrons that learn to read images of digits."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from engines.core.numerics import digits
from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.models import initialisation
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.model import Samples, Trainable, cross_entropy

TRAIN = 1437
"""Number of images to train on, of 1797."""

STARTS = {"default": initialisation.default, "he": initialisation.he}
"""Initialisations by name."""


def digits_subject(seeds: Sequence[int], hidden: tuple[int, ...] = (16, 16), start: str = "default") -> Trainable:
    """ReLU network 64-hidden-10 with cross-entropy; 1437 images to train on and 360 to test, the same for all members.

    Raises `ConfigError` for a start that is neither default nor he.
    """
    if start not in STARTS:
        raise ConfigError(f"start={start!r} is not one of {', '.join(STARTS)}")
    net = Mlp((64, *hidden, 10))
    train, test = train_test_split()
    theta = initialisation.draw_members(seeds, lambda source: STARTS[start](net, source))
    return Trainable(net, train, test, cross_entropy, theta, tuple(seeds))


def train_test_split() -> tuple[Samples, Samples]:
    """Split the images to train on and to test, once for all: networks differ in how they begin, not in their data."""
    images, labels = map(torch.from_numpy, digits.load())
    order = torch.randperm(len(labels), generator=initialisation.stream(0))
    shown, held_out = order[:TRAIN], order[TRAIN:]
    return Samples(images[shown], labels[shown]), Samples(images[held_out], labels[held_out])
