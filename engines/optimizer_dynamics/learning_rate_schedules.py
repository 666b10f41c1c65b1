"""Learning rate schedules: factors of the step size at step t = 0, 1, ..., in closed form; several in one batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import pi

import torch
from torch import Tensor

Knobs = Mapping[str, Tensor]


def _constant(t: Tensor, knobs: Knobs) -> Tensor:
    return torch.ones_like(t)


def _linear(t: Tensor, knobs: Knobs) -> Tensor:
    """`1 - t/T`."""
    return 1 - t / knobs["horizon"]


def _cosine(t: Tensor, knobs: Knobs) -> Tensor:
    """`p + (1-p)(1 + cos(pi t/T))/2`."""
    floor = knobs["floor"]
    return floor + (1 - floor) * (1 + torch.cos(pi * (t / knobs["horizon"]).clamp_max(1))) / 2


def _wsd(t: Tensor, knobs: Knobs) -> Tensor:
    """Warm-up, stable, decay: `min(1, (T-t)/(share T))`, or linear from `decay_start` on where that is set."""
    T = knobs["horizon"]
    usual = T * (1 - knobs["decay_fraction"])
    start = torch.where(knobs["decay_start"] >= 0, knobs["decay_start"], usual)
    return ((T - t) / (T - start).clamp_min(1)).clamp_max(1)


def _rsqrt(t: Tensor, knobs: Knobs) -> Tensor:
    """`(t+1)^(-1/2)`."""
    return (t + 1).rsqrt()


def _power(t: Tensor, knobs: Knobs) -> Tensor:
    """`min(1, c (t+1)^-p)`, the form of the Power Scheduler."""
    return (knobs["power_scale"] * (t + 1) ** -knobs["power"]).clamp_max(1)


SCHEDULES: dict[str, Callable[[Tensor, Knobs], Tensor]] = {
    "constant": _constant,
    "linear": _linear,
    "cosine": _cosine,
    "wsd": _wsd,
    "rsqrt": _rsqrt,
    "power": _power,
}

SCHEDULE_LABELS = {
    "constant": "constant", "linear": "linear to zero", "cosine": "cosine", "wsd": "warm-up, stable, decay",
    "rsqrt": "inverse root", "power": "power of the step",
}  # fmt: skip
"""Names of the schedules for readers."""


def factors(names: Sequence[str], t: Tensor, knobs: Knobs) -> Tensor:
    """Compute each member's factor `[B]` at steps `t` `[B]`, counted from 0, never below 0.

    Every factor is multiplied with `min(1, (t+1)/warmup)`.
    """
    distinct = list(dict.fromkeys(names))
    if len(distinct) == 1:
        factor = SCHEDULES[distinct[0]](t, knobs)
    else:
        own = torch.tensor([distinct.index(name) for name in names], device=t.device)
        factor = torch.stack([SCHEDULES[name](t, knobs) for name in distinct]).gather(0, own[None])[0]
    return factor.clamp_min(0) * ((t + 1) / knobs["warmup"].clamp_min(1)).clamp_max(1)
