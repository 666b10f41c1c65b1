"""Shared by all scenes: methods, numeric knobs as tensors, the step size of each member now, empty channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

import torch
from torch import Tensor

from engines.core.compute.batching import tensor
from engines.core.methods.method import Method
from engines.core.methods.racing import Average
from engines.core.methods.table import TABLE, Options
from engines.optimizer_dynamics import learning_rate_schedules
from engines.optimizer_dynamics.channels import CHANNELS
from engines.optimizer_dynamics.config import OptimizerDynamics

Configs = Sequence[OptimizerDynamics]
Knobs = Mapping[str, Tensor]


def knobs_of(configs: Configs, device: torch.device) -> dict[str, Tensor]:
    """Gather the numeric knobs that are no shapes, `[B]` each, as an engine's step gets them."""
    declared = OptimizerDynamics.knobs().values()
    names = [knob.name for knob in declared if knob.role != "shape" and knob.type is not str]
    return {name: tensor([float(getattr(config, name)) for config in configs], device) for name in names}


def method_of(config: OptimizerDynamics) -> tuple[Method, Average]:
    """Return the method of a member, and the average of its iterates that counts."""
    chosen = Options(**{name: getattr(config, name) for name in OPTIONS})
    return TABLE[config.method](chosen), config.average


OPTIONS = tuple(field.name for field in fields(Options))


def rates(names: Sequence[str], t: Tensor, knobs: Knobs) -> Tensor:
    """Compute each member's step size `[B]` at step `t` `[B]`, counted from 0, with its schedule."""
    if all(name == "constant" for name in names):
        return knobs["eta"] * ((t + 1) / knobs["warmup"].clamp_min(1)).clamp_max(1)
    return knobs["eta"] * learning_rate_schedules.factors(names, t.to(knobs["eta"].dtype), knobs)


def complete(channels: Mapping[str, Tensor], like: Tensor, thin: bool = False) -> dict[str, Tensor]:
    """Add the channels that a scene does not have, NaN `[B, *dims]`, in the lengths of those it has.

    `like` is any tensor `[B, *]` of the batch; `thin` chooses the channels of a snapshot.
    """
    lengths = {dim: 1 for channel in CHANNELS for dim in channel.dims}
    for channel in CHANNELS:
        if channel.name in channels:
            lengths |= dict(zip(channel.dims, channels[channel.name].shape[1:], strict=True))
    values = {}
    for channel in CHANNELS:
        if channel.thin is thin:
            shape = (len(like), *(lengths[dim] for dim in channel.dims))
            own = channels.get(channel.name)
            values[channel.name] = like.new_full(shape, torch.nan, dtype=torch.float64) if own is None else own
    return values
