"""Channels of networks, from what their layers make of the samples that they are trained on."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

import torch
from torch import Tensor

from engines.neural_collapse.diagnostics import against
from engines.neural_collapse.metrics import (
    Moments,
    centred,
    cosines,
    measure,
    nc1,
    nc1_trace,
    right,
    simplex,
    size,
)
from engines.neural_collapse.network.condense import condense, finite
from engines.neural_collapse.network.evaluation import Knobs, Seen, look
from engines.neural_collapse.network.problem import Problem, State
from engines.neural_collapse.network.stages import Head, Place, place
from engines.neural_collapse.response import KINDS
from engines.neural_collapse.snapshots import cloud

COMPARED = ("nc1", "nc1_trace")
"""What is told against its value at step 0."""


def observe(problem: Problem, state: State, knobs: Knobs) -> dict[str, Tensor]:
    """All channels that are not thin."""
    seen = look(problem, state, knobs)
    found = measure(seen.deep, seen.W)
    none = torch.zeros_like(seen.loss)
    unknown = none[:, None].expand(-1, KINDS) * torch.nan
    return {
        **found,
        **_compared(problem, found),
        **_squared(seen),
        **_by_layer(problem, seen, place(problem, state, knobs)),
        "accuracy": seen.accuracy,
        "accuracy_test": seen.tested,
        "nc4": seen.nc4,
        "trace_within_scaled": found["trace_within"],
        "trace_between_scaled": found["trace_between"],
        "loss": seen.loss,
        "objective": seen.loss + _decay(problem, state, seen.head, knobs),
        "residual": none,
        "response_error": none * torch.nan,
        "survival": unknown,
        "survival_theory": unknown,
    }


def snapshot(problem: Problem, state: State, knobs: Knobs) -> dict[str, Tensor]:
    """Thin channels."""
    seen = look(problem, state, knobs)
    M, K = seen.deep.M, seen.deep.M.shape[-1]
    length = size(centred(M)) / sqrt(K - 1)  # the frame of the same spread
    points = cloud(M, seen.points, problem.y[problem.shown], length, torch.zeros_like(length))
    frame = simplex(K, M) * K / (K - 1)
    return {**points, "cosines": cosines(centred(M)), "cosines_frame": frame.expand(len(M), -1, -1)}


def by_layer(moments: Moments, accuracy: Tensor) -> dict[str, Tensor]:
    """What is told of each layer, `[...]`."""
    return {"layer_nc1": nc1(moments), "layer_nc1_trace": nc1_trace(moments), "layer_accuracy": accuracy}


def of_input(problem: Problem) -> dict[str, Tensor]:
    """What is told of the samples as they come in, each `[1]`."""
    pixels = condense(problem.X[None], problem.share)
    return by_layer(pixels.moments, right(pixels.H, problem.y, pixels.moments.M))


def _by_layer(problem: Problem, seen: Seen, now: Place) -> dict[str, Tensor]:
    """Of the input and of each hidden layer, `[B, L + 1]`; NaN for layers that greedy training has not added yet."""
    found = by_layer(seen.layers, seen.right)
    there = torch.arange(seen.right.shape[1], device=now.layer.device) <= now.layer[:, None]
    known = {n: torch.where(there, v, torch.nan) for n, v in found.items()}
    return {n: torch.cat([problem.input[n].expand(len(v), 1), v], 1) for n, v in known.items()}


def _compared(problem: Problem, found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    begun = {name: problem.start.get(name, found[name]) for name in COMPARED}
    return {f"{name}_ratio": against(found[name], value) for name, value in begun.items()}


def _squared(seen: Seen) -> dict[str, Tensor]:
    """Half the squared error, by the spread within the classes and by their means; its sum where they are balanced."""
    (M, Y, _), W = seen.deep, seen.W
    K, bias = M.shape[-1], finite(seen.head.bias).to(M.dtype)[..., None]
    return {
        "loss_within": (W @ Y).square().sum((-2, -1)) / (2 * K),
        "loss_between": size(W @ M + bias - torch.eye(K, dtype=M.dtype, device=M.device)).square() / (2 * K),
    }


def _decay(problem: Problem, state: State, top: Head, knobs: Knobs) -> Tensor:
    """What weight decay adds to the loss, `[B]`."""

    def half(*values: Tensor) -> Tensor:
        sizes = [torch.linalg.vector_norm(finite(value).flatten(1), dim=1) for value in values]
        return torch.stack(sizes).to(knobs["epochs"].dtype).square().sum(0) / 2

    body = half(state.first, state.inner, state.shift, *([state.gain] if problem.batch_norm else []))
    return knobs["weight_decay_features"] * body + knobs["weight_decay_last"] * half(top.last, top.bias)
