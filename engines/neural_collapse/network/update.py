"""How parameters move once their gradients are known: momentum, weight decay, running statistics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from engines.neural_collapse.network.layers import Back, Passed
from engines.neural_collapse.network.problem import State

INERTIA = 0.9
"""Momentum of the descent."""

NEWEST = 0.1
"""Weight of a batch in the running mean and variance."""


class Descent(NamedTuple):
    """`v <- 0.9 v + (gradient + decay w)`, `w <- w - rate v`, with each member's own rate and decay `[B]`."""

    rate: Tensor
    decay: Tensor

    def weights(self, w: Tensor, v: Tensor, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """Matrices `[B n, i, j]` with the gradients `xᵀ z`; x `[B n, b, i]`, z `[B n, b, j]`."""
        return self._moved(w, torch.baddbmm(v, x.mT, z, beta=INERTIA))

    def vectors(self, w: Tensor, v: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors `[B, ...]`."""
        return self._moved(w, torch.add(grad, v, alpha=INERTIA))

    def _moved(self, w: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        wide = (-1, *[1] * (w.dim() - 1))
        each = len(w) // len(self.rate)
        rate, decay = (value.repeat_interleave(each).view(wide) for value in (self.rate, self.decay))
        v = v.addcmul_(decay, w)
        return torch.addcmul(w, rate, v, value=-1), v


def update(state: State, body: Descent, span: range, inputs: Sequence[Tensor], backs: Sequence[Back]) -> State:
    """The hidden layers of `span` after one step; the others as they were."""
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
    state: State, body: Descent, rows: slice, inputs: Sequence[Tensor], backs: Sequence[Back]
) -> dict[str, Tensor]:
    """All square layers in one product."""
    old = (state.inner, state.inner_v)
    x, z = torch.stack(list(inputs), 1), torch.stack([back.z for back in backs], 1)
    w, v = (value[:, rows].flatten(0, 1) for value in old)
    new = (value.view_as(state.inner[:, rows]) for value in body.weights(w, v, x.flatten(0, 1), z.flatten(0, 1)))
    return dict(zip(("inner", "inner_v"), (_put(o, rows, n) for o, n in zip(old, new, strict=True)), strict=True))


def averaged(state: State, span: range, passed: Sequence[Passed]) -> State:
    """The running statistics after one batch; their variance divides by b - 1."""
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
    """`whole` with other rows; the part itself where it is all of them."""
    if part.shape == whole.shape:
        return part
    whole = whole.clone()
    whole[:, rows] = part
    return whole
