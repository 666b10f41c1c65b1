"""Losses that are minimised, and how a residual counts in the direction of a method.

With `psi` the derivative of the loss, `Q = (1/m) sum_i psi(res_i) sym(A_i)` and the (sub-)gradient is `2 Q U`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from engines.core.compute.batching import Groups, scattered

Knobs = Mapping[str, Tensor]
Rule = Callable[[Tensor, Knobs], Tensor]


def _huber(R: Tensor, knobs: Knobs) -> Tensor:
    delta, size = knobs["huber_delta"][:, None], R.abs()
    return torch.where(size <= delta, 0.5 * R.square(), delta * (size - 0.5 * delta)).mean(-1)


LOSSES: dict[str, Rule] = {
    "l1": lambda R, knobs: R.abs().mean(-1),
    "l2": lambda R, knobs: 0.5 * R.square().mean(-1),
    "huber": _huber,
}
"""Means over the measurements, `[B, m] -> [B]`."""


def _clipped(R: Tensor, knobs: Knobs) -> Tensor:
    delta = knobs["huber_delta"][:, None]
    return R.clamp(-delta, delta)


def _trimmed(R: Tensor, knobs: Knobs) -> Tensor:
    """The residual itself, without the largest share of them (Li et al. 2017)."""
    size = R.abs()
    kept = ((1 - knobs["trim_fraction"]) * R.shape[1]).round().long().clamp(1, R.shape[1])
    limit = size.sort(-1).values.gather(-1, kept[:, None] - 1)
    return torch.where(size <= limit, R, 0)


def _median(R: Tensor, knobs: Knobs) -> Tensor:
    """The residual itself where it is at most `cut` times the median size (Li, Chi, Zhang, Liang 2017)."""
    size = R.abs()
    return torch.where(size <= knobs["median_threshold"][:, None] * median(size), R, 0)


def median(values: Tensor) -> Tensor:
    """The median of each row, `[B, m] -> [B, 1]`: the mean of the two middle values where m is even."""
    ordered, middle = values.sort(-1).values, (values.shape[-1] - 1) // 2
    return ordered[:, middle : values.shape[-1] // 2 + 1].mean(-1, keepdim=True)


PSI: dict[str, Rule] = {
    "l1": lambda R, knobs: R.sign(),
    "l2": lambda R, knobs: R,
    "huber": _clipped,
    "trimmed": _trimmed,
    "median": _median,
}
"""Functions psi of the residuals, `[B, m] -> [B, m]`; a zero residual has sign 0."""

RULE_KNOBS = ("huber_delta", "trim_fraction", "median_threshold")
"""Knobs that `LOSSES` and `PSI` read."""

FIXED_WEIGHING = {"trimmed": "trimmed", "median": "median", "dop": "l2", "prox_linear": "l1"}
"""Methods that weigh residuals in their own way, whatever the loss."""


def weighing(method: str, loss: str) -> str:
    """The entry of `PSI` that a member uses."""
    return FIXED_WEIGHING.get(method, loss)


def knobs_at(knobs: Knobs, places: Tensor | slice) -> Knobs:
    """The `RULE_KNOBS` `[b]` of the members at `places`, out of `[B]`; all where a slice stands for the batch."""
    return knobs if isinstance(places, slice) else {name: knobs[name][places] for name in RULE_KNOBS}


WITHOUT_KNOBS = ("l1", "l2")
"""Rules that read no knob."""


def apply(rules: Mapping[str, Rule], parts: Groups, R: Tensor, knobs: Knobs) -> Tensor:
    """Apply each member's rule to its residuals `R [B, m]`: `[B]` for `LOSSES`, `[B, m]` for `PSI`."""

    def some(kind: str, places: Tensor | slice) -> Tensor:
        return rules[kind](R[places], {} if kind in WITHOUT_KNOBS else knobs_at(knobs, places))

    return scattered(parts, some)
