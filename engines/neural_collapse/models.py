"""The models by name, each a value of the same few functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines.core.protocol.declarations import Phase, Prediction, Story
from engines.core.protocol.engine import RunData
from engines.neural_collapse.config import NeuralCollapse

Knobs = Mapping[str, Tensor]
Configs = Sequence[NeuralCollapse]


@dataclass(frozen=True, kw_only=True)
class Model:
    """What a model of features must offer; the engine hands its own calls on. See `core.engine.Engine`."""

    build: Callable[[Configs, torch.device], Any]
    """The constants of a batch."""
    start: Callable[[Configs, Any], Any]
    """The state at step 0, a NamedTuple of tensors `[B, ...]`."""
    step: Callable[[Any, Any, Knobs], Any]
    """(problem, state, knobs) -> state; pure."""
    observe: Callable[[Any, Any, Knobs], dict[str, Tensor]]
    """(problem, state, knobs) -> every channel that is not thin."""
    snapshot: Callable[[Any, Any, Knobs], dict[str, Tensor]]
    """(problem, state, knobs) -> every thin channel."""
    nbytes: Callable[[Configs], int]
    theory: Callable[[NeuralCollapse, np.ndarray], list[Prediction]]
    phases: Callable[[RunData, int], list[Phase]]
    story: Callable[[RunData, int], Story]
    caution: Callable[[NeuralCollapse], str]
    stability: Callable[[NeuralCollapse], str]


@dataclass(frozen=True)
class Chosen:
    """A problem and the model that it belongs to."""

    model: Model
    problem: Any
