"""One step of stochastic gradient descent of all members: forwards, backwards by hand, momentum and weight decay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from engines.core.compute.batching import Groups, groups, scattered
from engines.neural_collapse.network import layers
from engines.neural_collapse.network.layers import Back, Passed
from engines.neural_collapse.network.problem import Problem, State
from engines.neural_collapse.network.stages import Place, head, place
from engines.neural_collapse.network.update import Descent, averaged, update

Knobs = Mapping[str, Tensor]


def step(problem: Problem, state: State, knobs: Knobs) -> State:
    """One batch of each member's own training: all layers, or the one that greedy training is at."""
    now = place(problem, state, knobs)
    if not problem.greedy:
        return descend(problem, state, knobs, now, range(state.gain.shape[1]))
    return _greedy(problem, state, knobs, now)


def _greedy(problem: Problem, state: State, knobs: Knobs, now: Place) -> State:
    """Members that are at the same layer go together: all of them, unless their epochs differ."""
    parts: Groups = groups(now.layer.tolist(), state.t.device)
    found = [(_part(problem, state, knobs, now, layer, members), members) for layer, members in parts]
    return State(*(scattered(found, lambda moved, _, i=i: moved[i]) for i in range(len(state))))


def _part(problem: Problem, state: State, knobs: Knobs, now: Place, layer: int, members: Tensor | slice) -> State:
    own = {name: value[members] for name, value in knobs.items()}
    where = Place(*(value[members] for value in now))
    return descend(
        problem.part(members), State(*(value[members] for value in state)), own, where, range(layer, layer + 1)
    )


def descend(problem: Problem, state: State, knobs: Knobs, now: Place, span: range) -> State:
    """One step in the layers of `span` and the last one; those below are frozen, those above not there yet."""
    top = head(problem, state, now)
    x, targets = draw(problem, state)
    inputs, passed = forward(problem, state, x, span)
    out = passed[-1].out
    grad = error(problem, torch.baddbmm(top.bias[:, None], out, top.last), targets)
    backs = backward(state, span, passed, grad @ top.last.mT)
    rate = now.rate.to(x.dtype)
    body = Descent(rate, knobs["weight_decay_features"].to(x.dtype))
    above = Descent(rate, knobs["weight_decay_last"].to(x.dtype))
    last, last_v = above.weights(top.last, top.last_v, out, grad)
    bias, bias_v = above.vectors(top.bias, top.bias_v, grad.sum(1) * problem.biased[:, None])
    moved = state._replace(last=last, last_v=last_v, bias=bias, bias_v=bias_v, t=state.t + 1)
    return averaged(update(moved, body, span, inputs, backs), span, passed)


def draw(problem: Problem, state: State) -> tuple[Tensor, Tensor]:
    """The samples of a step and their targets, `[B, b, D]` and `[B, b, K]`."""
    epoch, part = state.t // problem.per_epoch, state.t % problem.per_epoch
    begin = epoch * len(problem.X) % problem.orders.shape[1] + part * problem.batch
    places = begin[:, None] + torch.arange(problem.batch, device=begin.device)
    chosen = problem.orders.gather(1, places).long()
    return problem.X[chosen], problem.targets[chosen]


def error(problem: Problem, logits: Tensor, targets: Tensor) -> Tensor:
    """Derivative of the mean loss by the logits, `(p - y)/b`: p is the softmax, or the logits themselves."""
    p = torch.where(problem.entropic[:, None, None], torch.softmax(logits, -1), logits)
    return (p - targets) / targets.shape[1]


def weight(state: State, layer: int) -> Tensor:
    """`W_{layer + 1}`, `[B, *, h]`."""
    return state.inner[:, layer - 1] if layer else state.first


def frozen(problem: Problem, state: State, layer: int, x: Tensor) -> Tensor:
    """One hidden layer in evaluation mode."""
    if not problem.batch_norm:
        return torch.baddbmm(state.shift[:, layer, None], x, weight(state, layer)).relu_()
    norm = (v[:, layer] for v in (state.gain, state.shift, state.mean, state.var))
    return layers.trained(x, weight(state, layer), *norm)


def forward(problem: Problem, state: State, x: Tensor, span: range) -> tuple[list[Tensor], list[Passed]]:
    """What enters each layer of `span` and what it did with it."""
    for layer in range(span.start):
        x = frozen(problem, state, layer, x)
    inputs, passed = [], []
    for layer in span:
        inputs.append(x)
        z = x @ weight(state, layer)
        gain, shift = state.gain[:, layer], state.shift[:, layer]
        passed.append(layers.normalised(z, gain, shift) if problem.batch_norm else layers.plain(z, shift))
        x = passed[-1].out
    return inputs, passed


def backward(state: State, span: range, passed: Sequence[Passed], grad: Tensor) -> list[Back]:
    """Derivatives of each layer of `span`, from the derivative by what the last of them puts out."""
    backs: list[Back] = []
    for layer, one in zip(reversed(span), reversed(passed), strict=True):
        backs.append(layers.backward(one, state.gain[:, layer], grad))
        if layer > span.start:
            grad = backs[-1].z @ weight(state, layer).mT
    return backs[::-1]
