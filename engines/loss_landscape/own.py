"""A network of the user's own: a `.safetensors` state of a perceptron and an `.npz` of samples."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.errors import ConfigError
from engines.loss_landscape.mlp import Mlp
from engines.loss_landscape.training.subject import Subject


class Given(NamedTuple):
    """Samples with or without labels."""

    X: Tensor
    y: Tensor | None


def load(network: str, data: str) -> tuple[Mlp, Tensor, Given]:
    """The perceptron, its parameters `[P]` and its samples. Raises `ConfigError`."""
    raise ConfigError(f"LossLandscape.network={network!r}: cannot be read yet")


def labelled(net: Mlp, theta: Tensor, samples: Given, seeds: tuple[int, ...]) -> Subject:
    """With labels, a fifth of them held out."""
    raise NotImplementedError(torch.__version__)
