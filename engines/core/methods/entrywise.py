"""Methods that treat every coordinate alike or by itself: gradient descent, momentum, signs, Adam, Polyak's step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from engines.core.methods.method import (
    Inputs,
    Leaf,
    Leaves,
    Memory,
    Method,
    Moved,
    decayed,
    dot,
    moved,
    moving_average,
    zeros,
)


@dataclass(frozen=True)
class GradientDescent(Method):
    """`w <- w - eta g`."""

    def update(self, x: Inputs, memory: Memory) -> Moved:
        """Step along the gradient `[b, P]`."""
        return moved(x, x.gradient), memory

    def mapped(self, values: Tensor, leaf: Leaf, knobs: Mapping[str, Tensor]) -> Tensor:
        """Return the gradient's singular values `[b, n]` as they are."""
        return values


@dataclass(frozen=True)
class Momentum(Method):
    """Heavy ball `v <- beta v + g; u = v`, or Nesterov `u = g + beta v`; as in PyTorch's SGD without dampening."""

    nesterov: bool = False

    def init(self, w: Tensor, knobs: Mapping[str, Tensor], leaves: Leaves) -> Memory:
        """Begin without velocity, for `[b, P]`."""
        return zeros(w, "v")

    def update(self, x: Inputs, memory: Memory) -> Moved:
        """Step along the velocity `[b, P]`."""
        beta = x.knobs["beta1"]
        v = torch.mul(beta, memory["v"], out=x.room.get("v")).add_(x.gradient)
        return moved(x, (beta * v).add_(x.gradient) if self.nesterov else v, scratch=self.nesterov), {"v": v}


@dataclass(frozen=True)
class Sign(Method):
    """`u = sign(g)`; the sign of 0 is 0."""

    def update(self, x: Inputs, memory: Memory) -> Moved:
        """Step along the signs `[b, P]`."""
        return moved(x, x.gradient.sign(), scratch=True), memory


@dataclass(frozen=True)
class Lion(Method):
    """`u = sign(b1 m + (1-b1) g)`, then `m <- b2 m + (1-b2) g` (Chen et al. 2023)."""

    def init(self, w: Tensor, knobs: Mapping[str, Tensor], leaves: Leaves) -> Memory:
        """Begin without momentum, for `[b, P]`."""
        return zeros(w, "m")

    def update(self, x: Inputs, memory: Memory) -> Moved:
        """Step along the signs of the interpolated momentum `[b, P]`."""
        m, g, b1, b2 = memory["m"], x.gradient, x.knobs["beta1"], x.knobs["beta2"]
        direction = moving_average(m, g, b1).sign_()
        return moved(x, direction, scratch=True), {"m": moving_average(m, g, b2, x.room.get("m"))}


@dataclass(frozen=True)
class Adam(Method):
    """Moving averages of g and g², their bias corrected: `u = m^ / (sqrt(v^) + eps)`, eps outside the root.

    With `first = False` it is RMSProp: the gradient in place of its average and, as in PyTorch, no bias correction
    unless `corrected`.
    """

    first: bool = True
    corrected: bool = True

    def init(self, w: Tensor, knobs: Mapping[str, Tensor], leaves: Leaves) -> Memory:
        """Begin with averages of zero, for `[b, P]`."""
        return zeros(w, "m", "v") if self.first else zeros(w, "v")

    def update(self, x: Inputs, memory: Memory) -> Moved:
        """Step along the averaged gradient over its root mean square `[b, P]`."""
        b1, b2, g = x.knobs["beta1"], x.knobs["beta2"], x.gradient
        fresh = g.square().mul_(1 - b2)
        after = {"v": torch.mul(b2, memory["v"], out=x.room.get("v")).add_(fresh)}
        # What is not needed any more is overwritten: new memory costs as much as the arithmetic.
        v = torch.div(after["v"], 1 - b2**x.t, out=fresh).sqrt_() if self.corrected else after["v"].sqrt()
        v.add_(x.knobs["eps"])
        if not self.first:
            return moved(x, torch.div(g, v, out=v), scratch=True), after
        after = {"m": moving_average(memory["m"], g, b1, x.room.get("m")), **after}
        u = after["m"] / (1 - b1**x.t)
        return moved(x, u.div_(v), scratch=True), after


@dataclass(frozen=True)
class PolyakStep(Method):
    """Gradient descent at the rate `(f - f*)/|g|²`, which needs the least loss f* (Polyak 1969)."""

    def update(self, x: Inputs, memory: Memory) -> Moved:
        """Step to where the tangent reaches f*, for `[b, P]`."""
        g = x.gradient
        length = dot(g, g)
        rate = torch.where(length > 0, (x.loss - x.knobs["least_loss"]).clamp_min(0) / length, 0)
        return decayed(x) - rate * g, memory
