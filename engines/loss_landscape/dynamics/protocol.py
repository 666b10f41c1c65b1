"""What a way to move must offer; the engine hands its own calls on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engines.loss_landscape.channels import CHANNELS
from engines.loss_landscape.config import LossLandscape

Knobs = Mapping[str, Tensor]
Configs = Sequence[LossLandscape]


@dataclass(frozen=True, kw_only=True)
class Model:
    """See `core.engine.Engine`."""

    build: Callable[[Configs, torch.device], Any]
    start: Callable[[Configs, Any], Any]
    step: Callable[[Any, Any, Knobs], Any]
    observe: Callable[[Any, Any, Knobs], dict[str, Tensor]]
    snapshot: Callable[[Any, Any, Knobs], dict[str, Tensor]]


def filled(found: Mapping[str, Tensor], members: int, thin: bool) -> dict[str, Tensor]:
    """All channels of one kind: what was found, NaN for the rest."""
    like = next(iter(found.values()))
    none = {
        channel.name: torch.full(
            (members, *(1 for _ in channel.dims)), torch.nan, dtype=torch.float64, device=like.device
        )
        for channel in CHANNELS
        if channel.thin == thin
    }
    return none | {name: value.double() for name, value in found.items()}
