"""Training of networks: the stage that each member is at, its layers forwards and backwards, and how parameters move.

Gradients are formed by hand: all members go through one batched product a layer, in float32. A step is stochastic
gradient descent with momentum and weight decay on one minibatch of 64 samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from engines.core.compute.batching import Groups, groups, scattered
from engines.neural_collapse.network.problem import Problem, State

Knobs = Mapping[str, Tensor]

# -- the stage of the training -------------------------------------------------------------------------------------


DROP = 0.1
"""Factor on the step size at a drop."""

JOINT, GREEDY = ((1, 3), (2, 3)), ((1, 2), (3, 4))
"""Drops, as fractions of the epochs: of all layers trained together, and of each layer that is added."""


class GreedyStage(NamedTuple):
    """The layer that each member trains, the steps since it began, and the step size, each `[B]`."""

    layer: Tensor
    """The layer that greedy training adds, from 0 on; L - 1 where all layers are trained together."""
    since: Tensor
    """Steps since the epochs began to count: of this layer, or of the whole training."""
    rate: Tensor
    """Step size now."""


def stage(problem: Problem, state: State, knobs: Knobs) -> GreedyStage:
    """Find the stage of each member, `[B]`: greedy training spends all its epochs on each layer in turn."""
    length = knobs["epochs"].long() * problem.per_epoch
    top = torch.full_like(state.t, state.gain.shape[1] - 1)
    layer = torch.minimum(state.t // length, top) if problem.greedy else top
    since = state.t - layer * length if problem.greedy else state.t
    shares = GREEDY if problem.greedy else JOINT
    drops = torch.stack([parts * since >= part * length for part, parts in shares]).sum(0)
    return GreedyStage(layer, since, knobs["learning_rate"] * DROP ** drops.to(knobs["learning_rate"].dtype))


class LastLayer(NamedTuple):
    """The last layer and its momentum."""

    last: Tensor
    """`[B, h, K]`."""
    last_v: Tensor
    bias: Tensor
    """`[B, K]`."""
    bias_v: Tensor


def head(problem: Problem, state: State, now: GreedyStage) -> LastLayer:
    """The last layer as it enters a step: drawn afresh where greedy training adds a layer."""
    own = LastLayer(state.last, state.last_v, state.bias, state.bias_v)
    if not problem.greedy:
        return own
    drawn = problem.new_heads[torch.arange(len(now.layer), device=now.layer.device), now.layer]
    new = LastLayer(drawn, torch.zeros_like(drawn), torch.zeros_like(own.bias), torch.zeros_like(own.bias))
    begins = now.since == 0
    chosen = (torch.where(begins.view(-1, *[1] * (a.dim() - 1)), a, b) for a, b in zip(new, own, strict=True))
    return LastLayer(*chosen)


# -- one step ------------------------------------------------------------------------------------------------------


def step(problem: Problem, state: State, knobs: Knobs) -> State:
    """Take one minibatch of each member's own training: all layers, or the one that greedy training is at.

    Parameters are those of `State`, `[B, *]`; each knob is `[B]`.
    """
    now = stage(problem, state, knobs)
    if not problem.greedy:
        return descend(problem, state, knobs, now, range(state.gain.shape[1]))
    return _greedy(problem, state, knobs, now)


def _greedy(problem: Problem, state: State, knobs: Knobs, now: GreedyStage) -> State:
    """Take one step of members at different layers: those at the same layer go together."""
    parts: Groups = groups(now.layer.tolist(), state.t.device)
    moved_parts = [(_part(problem, state, knobs, now, layer, members), members) for layer, members in parts]
    return State(*(scattered(moved_parts, lambda moved, _, i=i: moved[i]) for i in range(len(state))))


def _part(problem: Problem, state: State, knobs: Knobs, now: GreedyStage, layer: int, members: Tensor | slice) -> State:
    own = {name: value[members] for name, value in knobs.items()}
    where = GreedyStage(*(value[members] for value in now))
    return descend(
        problem.select(members), State(*(value[members] for value in state)), own, where, range(layer, layer + 1)
    )


def descend(problem: Problem, state: State, knobs: Knobs, now: GreedyStage, span: range) -> State:
    """Descend one step in the layers of `span` and the last one; those below are frozen, those above not there yet.

    Parameters are those of `State`, `[B, *]`; each knob is `[B]`.
    """
    top = head(problem, state, now)
    x, targets = minibatch(problem, state)
    inputs, passed = forward(problem, state, x, span)
    out = passed[-1].out
    grad = logit_gradient(problem, torch.baddbmm(top.bias[:, None], out, top.last), targets)
    backs = backward(state, span, passed, grad @ top.last.mT)
    rate = now.rate.to(x.dtype)
    body = Descent(rate, knobs["weight_decay_features"].to(x.dtype))
    above = Descent(rate, knobs["weight_decay_last"].to(x.dtype))
    last, last_v = above.weights(top.last, top.last_v, out, grad)
    bias, bias_v = above.vectors(top.bias, top.bias_v, grad.sum(1) * problem.has_bias[:, None])
    moved = state._replace(last=last, last_v=last_v, bias=bias, bias_v=bias_v, t=state.t + 1)
    return running_statistics(updated_layers(moved, body, span, inputs, backs), span, passed)


def minibatch(problem: Problem, state: State) -> tuple[Tensor, Tensor]:
    """The samples of a step and their targets, `[B, b, D]` and `[B, b, K]`."""
    epoch, part = state.t // problem.per_epoch, state.t % problem.per_epoch
    begin = epoch * len(problem.X) % problem.orders.shape[1] + part * problem.batch_size
    places = begin[:, None] + torch.arange(problem.batch_size, device=begin.device)
    chosen = problem.orders.gather(1, places).long()
    return problem.X[chosen], problem.targets[chosen]


def logit_gradient(problem: Problem, logits: Tensor, targets: Tensor) -> Tensor:
    """Derivative of the mean loss by the logits, `(p - y)/b`, `[B, b, K]`.

    p is the softmax for the cross-entropy, the logits themselves for half the squared error.
    """
    p = logits
    if problem.any_cross_entropy:
        p = torch.where(problem.uses_cross_entropy[:, None, None], torch.softmax(logits, -1), logits)
    return (p - targets).div_(targets.shape[1])


def weight(state: State, layer: int) -> Tensor:
    """`W_{layer + 1}`, `[B, *, h]`."""
    return state.inner[:, layer - 1] if layer else state.first


def evaluated_layer(problem: Problem, state: State, layer: int, x: Tensor) -> Tensor:
    """Evaluate one hidden layer with its running statistics, `[B, N, *] -> [B, N, h]`."""
    if not problem.batch_norm:
        return torch.baddbmm(state.shift[:, layer, None], x, weight(state, layer)).relu_()
    norm = (v[:, layer] for v in (state.gain, state.shift, state.mean, state.var))
    return folded_layer(x, weight(state, layer), *norm)


def forward(problem: Problem, state: State, x: Tensor, span: range) -> tuple[list[Tensor], list[LayerForward]]:
    """Send `x [B, b, D]` through the layers of `span`: what enters each, `[B, b, *]`, and what it makes of it."""
    for layer in range(span.start):
        x = evaluated_layer(problem, state, layer, x)
    inputs, passed = [], []
    for layer in span:
        inputs.append(x)
        z = x @ weight(state, layer)
        gain, shift = state.gain[:, layer], state.shift[:, layer]
        passed.append(batch_norm_layer(z, gain, shift) if problem.batch_norm else relu_layer(z, shift))
        x = passed[-1].out
    return inputs, passed


def backward(state: State, span: range, passed: Sequence[LayerForward], grad: Tensor) -> list[LayerGradients]:
    """Derivatives of each layer of `span`, from that by the output of the last of them, `grad [B, b, h]`."""
    backs: list[LayerGradients] = []
    for layer, one in zip(reversed(span), reversed(passed), strict=True):
        backs.append(layer_backward(one, state.gain[:, layer], grad))
        if layer > span.start:
            grad = backs[-1].z @ weight(state, layer).mT
    return backs[::-1]


# -- one hidden layer ----------------------------------------------------------------------------------------------


EPS = 1e-5
"""Number that is added to the variance of a minibatch, so that it can be divided by."""


class LayerForward(NamedTuple):
    """Output of a layer for a minibatch of b samples, and its statistics, which are None without batch-norm."""

    out: Tensor
    """`[B, b, h]`."""
    normed: Tensor | None
    """`(z - mean)/std` with `z = x W`, `[B, b, h]`."""
    mean: Tensor | None
    """Mean of z over the minibatch, `[B, h]`."""
    var: Tensor | None
    """Variance of z over the minibatch, divided by b, `[B, h]`."""


class LayerGradients(NamedTuple):
    """Derivatives of the loss by what a layer is made of."""

    z: Tensor
    """Derivative by `z = x W`, `[B, b, h]`."""
    gain: Tensor | None
    """`[B, h]`; None without batch-norm."""
    shift: Tensor
    """`[B, h]`."""


def relu_layer(z: Tensor, shift: Tensor) -> LayerForward:
    """`ReLU(z + shift)` with z `[B, b, h]` and shift `[B, h]`."""
    return LayerForward(torch.relu(z + shift[:, None]), None, None, None)


def batch_norm_layer(z: Tensor, gain: Tensor, shift: Tensor) -> LayerForward:
    """`ReLU(gain (z - mean)/sqrt(var + eps) + shift)` with mean and variance of the minibatch; z `[B, b, h]`."""
    mean = z.mean(1)
    centred = z - mean[:, None]
    var = centred.square().mean(1)
    normed = centred.mul_((var + EPS).rsqrt()[:, None])
    return LayerForward(torch.addcmul(shift[:, None], gain[:, None], normed).relu_(), normed, mean, var)


def layer_backward(passed: LayerForward, gain: Tensor, grad: Tensor) -> LayerGradients:
    """Derivatives of one layer from that by its output, `grad [B, b, h]`; of batch-norm through its statistics too.

    With `g` the derivative by `gain * normed + shift`:
    `dz = gain/std (g - mean g - normed mean(g normed))`.
    """
    g = torch.ops.aten.threshold_backward(grad, passed.out, 0)  # in one pass, without a mask
    shift = g.sum(1)
    if passed.normed is None or passed.var is None:
        return LayerGradients(g, None, shift)
    by_gain = (g * passed.normed).sum(1)
    count = g.shape[1]
    inner = torch.addcmul(g - shift[:, None] / count, passed.normed, by_gain[:, None], value=-1 / count)
    return LayerGradients(inner.mul_((gain * (passed.var + EPS).rsqrt())[:, None]), by_gain, shift)


def folded_layer(x: Tensor, W: Tensor, gain: Tensor, shift: Tensor, mean: Tensor, var: Tensor) -> Tensor:
    """Evaluate a batch-norm layer, its running statistics folded into the weights, `x [B, N, D] -> [B, N, h]`.

    W is `[B, D, h]`; gain, shift, mean and var are `[B, h]`.
    """
    scale = gain * (var + EPS).rsqrt()
    return torch.baddbmm((shift - mean * scale)[:, None], x, W * scale[:, None]).relu_()


# -- how parameters move -------------------------------------------------------------------------------------------


INERTIA = 0.9
"""Momentum of the descent."""

NEWEST = 0.1
"""Weight of a minibatch in the running mean and variance."""


class Descent(NamedTuple):
    """Momentum and weight decay: `v <- 0.9 v + (gradient + decay w)`, `w <- w - rate v`; each `[B]`."""

    rate: Tensor
    decay: Tensor

    def weights(self, w: Tensor, v: Tensor, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """Move matrices `[B, *, i, j]` with the gradients `xᵀ z`; x `[B, *, b, i]`, z `[B, *, b, j]`."""
        old, x, z = (value.reshape(-1, *value.shape[-2:]) for value in (v, x, z))
        return self._moved(w, torch.baddbmm(old, x.mT, z, beta=INERTIA).view(w.shape))

    def vectors(self, w: Tensor, v: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
        """Move vectors `[B, *]`."""
        return self._moved(w, torch.add(grad, v, alpha=INERTIA))

    def _moved(self, w: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        rate, decay = (value.view(-1, *[1] * (w.dim() - 1)) for value in self)
        v = v.addcmul_(decay, w)
        return torch.addcmul(w, rate, v, value=-1), v


def updated_layers(
    state: State, body: Descent, span: range, inputs: Sequence[Tensor], backs: Sequence[LayerGradients]
) -> State:
    """Move the hidden layers of `span` by one step; the others stay as they were.

    `inputs` are the layers' inputs, `[B, b, D]` or `[B, b, h]`, and `backs` the gradients of the loss.
    """
    moved = {}
    if span.start == 0:
        moved["first"], moved["first_v"] = body.weights(state.first, state.first_v, inputs[0], backs[0].z)
    if span.stop > 1:
        skip = int(span.start == 0)
        moved |= _inner(state, body, slice(max(span.start, 1) - 1, span.stop - 1), inputs[skip:], backs[skip:])
    rows = slice(span.start, span.stop)
    for name in ("gain", "shift"):
        grads = [getattr(back, name) for back in backs]
        if grads[0] is not None:
            w, v = getattr(state, name), getattr(state, f"{name}_v")
            new, new_v = body.vectors(w[:, rows], v[:, rows], torch.stack(grads, 1))
            moved[name], moved[f"{name}_v"] = _put(w, rows, new), _put(v, rows, new_v)
    return state._replace(**moved)


def _inner(
    state: State, body: Descent, rows: slice, inputs: Sequence[Tensor], backs: Sequence[LayerGradients]
) -> dict[str, Tensor]:
    """Move all square layers in one product."""
    old = (state.inner, state.inner_v)
    x, z = torch.stack(list(inputs), 1), torch.stack([back.z for back in backs], 1)
    new = body.weights(state.inner[:, rows], state.inner_v[:, rows], x, z)
    return dict(zip(("inner", "inner_v"), (_put(o, rows, n) for o, n in zip(old, new, strict=True)), strict=True))


def running_statistics(state: State, span: range, passed: Sequence[LayerForward]) -> State:
    """Update the running statistics with one minibatch; their variance divides by b - 1."""
    if passed[0].mean is None:
        return state
    rows, count = slice(span.start, span.stop), passed[0].out.shape[1]
    mean = torch.stack([one.mean for one in passed], 1)  # type: ignore[misc]
    var = torch.stack([one.var for one in passed], 1) * (count / (count - 1))  # type: ignore[misc]
    return state._replace(
        mean=_put(state.mean, rows, torch.lerp(state.mean[:, rows], mean, NEWEST)),
        var=_put(state.var, rows, torch.lerp(state.var[:, rows], var, NEWEST)),
    )


def _put(whole: Tensor, rows: slice, part: Tensor) -> Tensor:
    """Return `whole` with other rows; the part itself where it is all of them."""
    if part.shape == whole.shape:
        return part
    whole = whole.clone()
    whole[:, rows] = part
    return whole
