"""What a batch of networks makes of its samples: all of its layers in evaluation mode, condensed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from engines.neural_collapse.metrics import Moments, right, scores
from engines.neural_collapse.network.condense import condense, finite
from engines.neural_collapse.network.problem import Problem, State
from engines.neural_collapse.network.stages import Head, Place, head, place
from engines.neural_collapse.network.training import frozen

Knobs = Mapping[str, Tensor]


class Seen(NamedTuple):
    """Networks at one step."""

    layers: Moments
    """Of what each hidden layer puts out, `[B, L, ...]`; layers that greedy training has not added pass it on."""
    right: Tensor
    """Share of samples with their class mean the nearest, `[B, L]`."""
    deep: Moments
    """Of the last of them, `[B, ...]`."""
    W: Tensor
    """The classifier on it, `[B, K, r + 1]`."""
    head: Head
    points: Tensor
    """The samples of it that are drawn, `[B, r + 1, P]`."""
    accuracy: Tensor
    """`[B]`."""
    nc4: Tensor
    tested: Tensor
    """Accuracy on the test; not a number where there is none."""
    loss: Tensor


def look(problem: Problem, state: State, knobs: Knobs) -> Seen:
    """Send all samples through; on a processor a member at a time, whose features then stay in the cache."""
    now, B = place(problem, state, knobs), len(state.t)
    at_once = 1 if state.t.device.type == "cpu" else B
    parts = [slice(i, i + at_once) for i in range(0, B, at_once)]
    return _joined([_look(problem.part(p), State(*(v[p] for v in state)), Place(*(v[p] for v in now))) for p in parts])


def _look(problem: Problem, state: State, now: Place) -> Seen:
    x, top = problem.all.expand(len(state.t), -1, -1), head(problem, state, now)
    found = []
    for layer in range(state.gain.shape[1]):
        out = frozen(problem, state, layer, x)
        x = torch.where((layer <= now.layer)[:, None, None], out, x) if problem.greedy and layer else out
        found.append(x[:, : len(problem.X)])
    layers, deep = condense(torch.stack(found, 1), problem.share), condense(found[-1], problem.share, top.last)
    bias = finite(top.bias).to(deep.W.dtype)
    tested = x[:, len(problem.X) :] @ top.last + top.bias[:, None]
    return Seen(
        layers=layers.moments,
        right=right(layers.H, problem.y, layers.moments.M),
        deep=deep.moments,
        W=deep.W,
        head=top,
        points=deep.H[..., problem.shown],
        **scores(deep.H, problem.y, deep.moments.M, deep.W, bias),
        tested=_share(tested.max(-1).indices == problem.y_test),
        loss=_loss(problem, deep.W @ deep.H + bias[..., None]),
    )


def _share(right: Tensor) -> Tensor:
    return right.to(torch.float64).mean(-1)


def _loss(problem: Problem, logits: Tensor) -> Tensor:
    """Mean over the training samples of half the squared error, or of the cross-entropy, `[B]`; logits `[B, K, N]`."""
    squares = (logits - problem.targets.mT).square().sum(-2).mean(-1) / 2
    entropy = cross_entropy(logits, problem.y.expand(len(logits), -1), reduction="none").mean(-1)
    return torch.where(problem.entropic, entropy, squares)


def _joined(parts: Sequence[Any]) -> Any:
    """Tuples of tensors, of whatever depth, as one."""
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], Tensor):
        return torch.cat(list(parts))
    return type(parts[0])(*(_joined(values) for values in zip(*parts, strict=True)))
