"""Channels of networks, from what their layers make of the samples that they are trained on.

All layers are evaluated with the running statistics. No metric changes when features are turned, and all of them see
the spread within the classes only through its products with class means and classifier, and through its size. So
coordinates in the span of these, and one more that holds the rest of the size, stand exactly for all features: at most
2K + 1 instead of the width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, pad

from engines.core.numerics.collapse_metrics import (
    FeatureMoments,
    centred,
    cosines,
    frobenius_norm,
    measure,
    nc1,
    nc1_trace,
    nearest_mean_accuracy,
    scores,
    simplex,
    unit_scaled,
)
from engines.neural_collapse.diagnostics import ratio_to_start
from engines.neural_collapse.network.problem import Problem, State
from engines.neural_collapse.network.training import GreedyStage, Knobs, LastLayer, evaluated_layer, head, stage
from engines.neural_collapse.projection import project
from engines.neural_collapse.response import KINDS

TOGETHER = 2**26
"""Bytes of the features that a GPU evaluates at once."""

COMPARED = ("nc1", "nc1_trace")
"""Channels that are also given as a ratio to their value at step 0."""


def observe(problem: Problem, state: State, knobs: Knobs) -> dict[str, Tensor]:
    """Compute all channels that are not thin, each `[B, *dims]`."""
    now = evaluate(problem, state, knobs)
    metrics = measure(now.last, now.W)
    none = torch.zeros_like(now.loss)
    unknown = none[:, None].expand(-1, KINDS) * torch.nan
    return {
        **metrics,
        **_compared(problem, metrics),
        **_squared(now),
        **_by_layer(problem, now, stage(problem, state, knobs)),
        "accuracy": now.accuracy,
        "accuracy_test": now.accuracy_test,
        "nc4": now.nc4,
        "trace_within_scaled": metrics["trace_within"],
        "trace_between_scaled": metrics["trace_between"],
        "loss": now.loss,
        "objective": now.loss + _decay(problem, state, now.head, knobs),
        "residual": none,
        "response_error": none * torch.nan,
        "survival": unknown,
        "survival_theory": unknown,
    }


def snapshot(problem: Problem, state: State, knobs: Knobs) -> dict[str, Tensor]:
    """Compute the thin channels: plotted samples and cosines of the class means, each `[B, *dims]`."""
    now = evaluate(problem, state, knobs)
    M, K = now.last.M, now.last.M.shape[-1]
    length = frobenius_norm(centred(M)) / sqrt(K - 1)  # the frame of the same spread
    points = project(M, now.points, problem.y[problem.plotted], length, torch.zeros_like(length))
    frame = simplex(K, M) * K / (K - 1)
    return {**points, "cosines": cosines(centred(M)), "cosines_frame": frame.expand(len(M), -1, -1)}


def layer_channels(moments: FeatureMoments, accuracy: Tensor) -> dict[str, Tensor]:
    """Compute NC1, its trace ratio and the accuracy of the nearest mean of each layer, each `[*]`."""
    return {"layer_nc1": nc1(moments), "layer_nc1_trace": nc1_trace(moments), "layer_accuracy": accuracy}


def input_channels(problem: Problem) -> dict[str, Tensor]:
    """Compute the channels of layers for the samples as they come in, each `[1]`."""
    pixels = span_coordinates(problem.X[None], problem.averaging)
    return layer_channels(pixels.moments, nearest_mean_accuracy(pixels.H, problem.y, pixels.moments.M))


def _by_layer(problem: Problem, now: Evaluation, at: GreedyStage) -> dict[str, Tensor]:
    """Channels of the input and each hidden layer, `[B, L + 1]`; NaN for layers that greedy training has not added."""
    channels = layer_channels(now.layers, now.nearest_mean)
    there = torch.arange(now.nearest_mean.shape[1], device=at.layer.device) <= at.layer[:, None]
    blanked = {n: torch.where(there, v, torch.nan) for n, v in channels.items()}
    return {n: torch.cat([problem.input_channels[n].expand(len(v), 1), v], 1) for n, v in blanked.items()}


def _compared(problem: Problem, metrics: Mapping[str, Tensor]) -> dict[str, Tensor]:
    initial = {name: problem.initial_channels.get(name, metrics[name]) for name in COMPARED}
    return {f"{name}_ratio": ratio_to_start(metrics[name], value) for name, value in initial.items()}


def _squared(now: Evaluation) -> dict[str, Tensor]:
    """Half the squared error of the spread within the classes and of their means, each `[B]`; balanced classes."""
    (M, Y, _), W = now.last, now.W
    K, bias = M.shape[-1], finite(now.head.bias).to(M.dtype)[..., None]
    return {
        "loss_within": (W @ Y).square().sum((-2, -1)) / (2 * K),
        "loss_between": frobenius_norm(W @ M + bias - torch.eye(K, dtype=M.dtype, device=M.device)).square() / (2 * K),
    }


def _decay(problem: Problem, state: State, top: LastLayer, knobs: Knobs) -> Tensor:
    """Half of weight decay times squared weights, which the objective adds to the loss, `[B]`."""

    def half(*values: Tensor) -> Tensor:
        sizes = [torch.linalg.vector_norm(finite(value).flatten(1), dim=1) for value in values]
        return torch.stack(sizes).to(knobs["epochs"].dtype).square().sum(0) / 2

    body = half(state.first, state.inner, state.shift, *([state.gain] if problem.batch_norm else []))
    return knobs["weight_decay_features"] * body + knobs["weight_decay_last"] * half(top.last, top.bias)


# -- all samples through a network ---------------------------------------------------------------------------------


class Evaluation(NamedTuple):
    """Networks at one step, in evaluation mode: K classes, L hidden layers, r coordinates."""

    layers: FeatureMoments
    """Moments of the output of each hidden layer, `[B, L, *]`; layers that are not added yet pass it on."""
    nearest_mean: Tensor
    """Share of samples whose own class mean is the nearest, `[B, L]`."""
    last: FeatureMoments
    """Moments of the last hidden layer, `[B, *]`."""
    W: Tensor
    """The classifier in its coordinates, `[B, K, r + 1]`."""
    head: LastLayer
    """The last layer as it is."""
    points: Tensor
    """Coordinates of the samples that are plotted, `[B, r + 1, P]`."""
    accuracy: Tensor
    """`[B]`, of training samples."""
    nc4: Tensor
    """`[B]`."""
    accuracy_test: Tensor
    """`[B]`; NaN where there is no test."""
    loss: Tensor
    """`[B]`, without weight decay."""


def evaluate(problem: Problem, state: State, knobs: Knobs) -> Evaluation:
    """Send all samples through each of `B` networks; each knob is `[B]`.

    On a processor a member at a time, whose features then stay in the cache; on a GPU as many as `TOGETHER` allows.
    """
    now, (B, depth, width) = stage(problem, state, knobs), state.gain.shape
    features = problem.X_all.element_size() * len(problem.X_all) * width * (depth + 2)
    at_once = 1 if state.t.device.type == "cpu" else max(1, TOGETHER // features)
    parts = [slice(i, i + at_once) for i in range(0, B, at_once)]
    return _joined(
        [_evaluate(problem.select(p), State(*(v[p] for v in state)), GreedyStage(*(v[p] for v in now))) for p in parts]
    )


def _evaluate(problem: Problem, state: State, now: GreedyStage) -> Evaluation:
    x, top = problem.X_all.expand(len(state.t), -1, -1), head(problem, state, now)
    outputs = []
    for layer in range(state.gain.shape[1]):
        out = evaluated_layer(problem, state, layer, x)
        x = torch.where((layer <= now.layer)[:, None, None], out, x) if problem.greedy and layer else out
        outputs.append(x[:, : len(problem.X)])
    layers = span_coordinates(torch.stack(outputs, 1), problem.averaging)
    deep = span_coordinates(outputs[-1], problem.averaging, top.last)
    bias = finite(top.bias).to(deep.W.dtype)
    logits = x[:, len(problem.X) :] @ top.last + top.bias[:, None]
    return Evaluation(
        layers=layers.moments,
        nearest_mean=nearest_mean_accuracy(layers.H, problem.y, layers.moments.M),
        last=deep.moments,
        W=deep.W,
        head=top,
        points=deep.H[..., problem.plotted],
        **scores(deep.H, problem.y, deep.moments.M, deep.W, bias),
        accuracy_test=_share(logits.max(-1).indices == problem.y_test),
        loss=_loss(problem, deep.W @ deep.H + bias[..., None]),
    )


def _share(right: Tensor) -> Tensor:
    return right.to(torch.float64).mean(-1)


def _loss(problem: Problem, logits: Tensor) -> Tensor:
    """Mean over the training samples of half the squared error, or of the cross-entropy, `[B]`; logits `[B, K, N]`."""
    squares = (logits - problem.targets.mT).square().sum(-2).mean(-1) / 2
    entropy = cross_entropy(logits, problem.y.expand(len(logits), -1), reduction="none").mean(-1)
    return torch.where(problem.uses_cross_entropy, entropy, squares)


def _joined(parts: Sequence[Any]) -> Any:
    """Concatenate tuples of tensors, of whatever depth, over members."""
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], Tensor):
        return torch.cat(list(parts))
    return type(parts[0])(*(_joined(values) for values in zip(*parts, strict=True)))


# -- features in a few coordinates ---------------------------------------------------------------------------------


class SpanCoordinates(NamedTuple):
    """Features of N samples in r + 1 coordinates, float64; the last one of samples and classifier is 0."""

    moments: FeatureMoments
    """`M [*, r + 1, K]`, `Y [*, r + 1, r + 1]`, `V [*, K]`."""
    H: Tensor
    """Coordinates of the samples, `[*, r + 1, N]`."""
    W: Tensor
    """The classifier `[*, K, r + 1]`."""


def finite(values: Tensor) -> Tensor:
    """Replace what is not finite by 0, `[*] -> [*]`: solvers refuse it, and a diverged member may be observed."""
    return values.nan_to_num(0, 0, 0)


def span_coordinates(H: Tensor, averaging: Tensor, W: Tensor | None = None) -> SpanCoordinates:
    """Coordinates of features `H [*, N, d]`, float32 or float64, that leave every metric as it is.

    Parameters
    ----------
    averaging : weight of each sample in the mean of its class, `[N, K]`, float64
    W : classifier `[*, d, K]`; zero where it does not matter

    Global and class means are subtracted before anything is squared. The features' own rounding bounds what is now:
    of the trace ratio, in float32, what is above 1e-13 times the squared global mean over the spread of the means.
    """
    H, u = unit_scaled(finite(H))
    centre, labels, u = H.mean(-2, keepdim=True), averaging.argmax(-1), u.to(averaging.dtype)
    H = H - centre
    apart = averaging.mT.to(H.dtype) @ H  # few rows on the left: the other way round this takes five times as long
    D = H - apart[..., labels, :]
    means = (centre.to(averaging.dtype) + apart.to(averaging.dtype)).mT
    spanning = means if W is None else torch.cat([means, finite(W).to(means.dtype)], -1)
    Q = torch.linalg.qr(spanning)[0]
    A = (Q.mT.to(H.dtype).contiguous() @ D.mT).to(Q.dtype)
    residual = torch.linalg.vector_norm(D, dim=-1).to(Q.dtype).square() - A.square().sum(-2)
    off = A @ averaging  # what rounding left of the class means
    M, A = Q.mT @ means + off, A - off[..., labels]
    classifier = means.new_zeros(means.mT.shape) if W is None else finite(W).to(Q.dtype).mT
    now = pad(M[..., labels] + A, (0, 0, 0, 1))
    return SpanCoordinates(_moments(M, A, residual.clamp_min(0), averaging, u), u * now, pad(classifier @ Q, (0, 1)))


def _moments(M: Tensor, A: Tensor, residual: Tensor, averaging: Tensor, u: Tensor) -> FeatureMoments:
    """Moments from class means `[*, r, K]`, deviations `[*, r, N]`, squared lengths out of them, and the unit.

    `Y Yᵀ = (K/N) A Aᵀ`, and beside it the length that is left.
    """
    N, K = averaging.shape
    values, vectors = torch.linalg.eigh(A @ A.mT * (K / N))
    Y = pad(vectors * values.clamp_min(0).sqrt()[..., None, :], (0, 1, 0, 1))
    Y[..., -1, -1] = (residual.sum(-1) * (K / N)).sqrt()
    V = ((A.square().sum(-2) + residual) @ averaging).sqrt()
    return FeatureMoments(u * pad(M, (0, 0, 0, 1)), u * Y, u[..., 0] * V)
