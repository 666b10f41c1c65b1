"""Arguments and channels that all dynamics of the loss landscape share; channels that some do not fill are NaN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from engines.loss_landscape.channels import CHANNELS
from engines.loss_landscape.config import LossLandscape

Knobs = Mapping[str, Tensor]
"""Each numeric `init` and `live` knob, `[B]`."""

Configs = Sequence[LossLandscape]


def filled(values: Mapping[str, Tensor], members: int, thin: bool) -> dict[str, Tensor]:
    """Complete the channels of one kind, thin or not: those that are found, `[B, *dims]`, and NaN for the others."""
    like = next(iter(values.values()))
    none = {
        channel.name: torch.full(
            (members, *(1 for _ in channel.dims)), torch.nan, dtype=torch.float64, device=like.device
        )
        for channel in CHANNELS
        if channel.thin == thin
    }
    return none | {name: value.double() for name, value in values.items()}
