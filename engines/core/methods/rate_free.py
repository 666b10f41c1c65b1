"""Methods that find their step size: DoG, DoWG, D-Adaptation, Prodigy, Mechanic; and Schedule-Free, without a schedule.

`d0` is the first guess of the distance to the minimiser; `rate` multiplies what is found, 1 in the papers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from engines.core.methods.method import (
    Inputs,
    Leaves,
    Memory,
    Method,
    Moved,
    decayed,
    dot,
    row_norm,
    scalars,
    zeros,
)

Knobs = Mapping[str, Tensor]


@dataclass(frozen=True)
class DoG(Method):
    """Distance over gradients: `rb = max(rb, |x - x0|)`, `G += |g|²`, rate `rb/sqrt(G)` (Ivgi, Hinder, Carmon 2023).

    With `weighted` it is DoWG: `v += rb² |g|²`, rate `rb²/sqrt(v)` (Khaled, Mishchenko, Jin 2023). Both are updated
    before the step.
    """

    weighted: bool = False

    def init(self, w: Tensor, knobs: Knobs, leaves: Leaves) -> Memory:
        """Remember the start of `[b, P]`; `d0` counts relative to its length in DoG, as it is in DoWG."""
        first = knobs["d0"] * (1 if self.weighted else 1 + row_norm(w))
        return {"x0": w, **scalars(w, d=first, total=0.0 if self.weighted else 1e-8)}

    def update(self, x: Inputs, memory: Memory) -> Moved:
        """Step along the gradient `[b, P]` at the rate that the distance travelled allows."""
        g = x.gradient
        d = torch.maximum(memory["d"], row_norm(x.w - memory["x0"]))
        total = memory["total"] + dot(g, g) * (d.square() if self.weighted else 1)
        root = total.sqrt()
        rate = torch.where(root > 0, (d.square() if self.weighted else d) / root, 0)
        return x.w - x.rate * rate * g, {"x0": memory["x0"], "d": d, "total": total}


@dataclass(frozen=True)
class DAdaptSGD(Method):
    """D-Adaptation of gradient descent (Defazio, Mishchenko 2023): d from `2 sum l <g, s> / |s|`, s before adding."""

    def init(self, w: Tensor, knobs: Knobs, leaves: Leaves) -> Memory:
        """Remember the start of `[b, P]`."""
        return {"x0": w, **zeros(w, "s"), **scalars(w, d=knobs["d0"], numerator=0.0, first=0.0)}

    def update(self, x: Inputs, memory: Memory) -> Moved:
        """Move to the dual average `x0 - s` `[b, P]`, by momentum where there is some."""
        g = x.gradient
        first = torch.where(x.t == 1, row_norm(g), memory["first"])
        step = torch.where(first > 0, memory["d"] * x.rate / first, 0)
        numerator = memory["numerator"] + step * dot(g, memory["s"])
        s = memory["s"] + step * g
        length = row_norm(s)
        estimate = torch.where(length > 0, 2 * numerator / length, 0)
        d = torch.maximum(memory["d"], torch.minimum(estimate, memory["d"] * x.knobs["growth_rate"]))
        beta = x.knobs["beta1"]
        w = beta * x.w + (1 - beta) * (memory["x0"] - s)
        return w, {"x0": memory["x0"], "s": s, "d": d, "numerator": numerator, "first": first}


@dataclass(frozen=True)
class DAdaptAdam(Method):
    """D-Adaptation of Adam: the numerator weighs by the old second moment, the step by the new one."""

    def init(self, w: Tensor, knobs: Knobs, leaves: Leaves) -> Memory:
        """Begin with averages of zero, for `[b, P]`."""
        return {**zeros(w, "s", "m", "v"), **scalars(w, d=knobs["d0"], numerator=0.0)}

    def update(self, x: Inputs, memory: Memory) -> Moved:
        """Step as Adam does with the rate d, for `[b, P]`."""
        g, b1, b2, eps = x.gradient, x.knobs["beta1"], x.knobs["beta2"], x.knobs["eps"]
        q, step = b2.sqrt(), memory["d"] * x.rate
        denominator = memory["v"].sqrt() + eps
        gained = (step * g * memory["s"] / denominator).sum(1, keepdim=True)
        m = b1 * memory["m"] + (1 - b1) * step * g
        v = b2 * memory["v"] + (1 - b2) * g.square()
        s = q * memory["s"] + (1 - q) * step * g
        numerator = q * memory["numerator"] + (1 - q) * gained
        size = s.abs().sum(1, keepdim=True)
        estimate = torch.where(size > 0, numerator / ((1 - q) * size), 0)
        d = torch.maximum(memory["d"], torch.minimum(estimate, memory["d"] * x.knobs["growth_rate"]))
        w = decayed(x._replace(rate=step)) - m / (v.sqrt() + eps)
        return w, {"s": s, "m": m, "v": v, "d": d, "numerator": numerator}


@dataclass(frozen=True)
class Prodigy(Method):
    """Prodigy (Mishchenko, Defazio 2023): the step uses the old d in its length, the new d only beside eps."""

    def init(self, w: Tensor, knobs: Knobs, leaves: Leaves) -> Memory:
        """Remember the start of `[b, P]`."""
        d0 = knobs["d0"]
        return {"x0": w, **zeros(w, "s", "m", "v"), **scalars(w, d=d0, highest=d0, numerator=0.0)}

    def update(self, x: Inputs, memory: Memory) -> Moved:
        """Step as Adam does with the rate d, for `[b, P]`."""
        g, b1, b2, d0, d = x.gradient, x.knobs["beta1"], x.knobs["beta2"], x.knobs["d0"], memory["d"]
        q, step = b2.sqrt(), d * x.rate
        # What is not needed any more is overwritten: new memory costs as much as the arithmetic.
        scratch = (memory["x0"] - x.w).mul_(g)
        numerator = q * memory["numerator"] + (d / d0) * step * scratch.sum(1, keepdim=True)
        v = torch.mul(b2, memory["v"], out=x.room.get("v"))
        v.add_(torch.mul(g, g, out=scratch).mul_((1 - b2) * d.square()))
        m = torch.mul(b1, memory["m"], out=x.room.get("m")).add_(torch.mul((1 - b1) * d, g, out=scratch))
        s = torch.mul(q, memory["s"], out=x.room.get("s")).add_(torch.mul((d / d0) * step, g, out=scratch))
        size = torch.abs(s, out=scratch).sum(1, keepdim=True)
        estimate = torch.where(size > 0, numerator / size, 0)
        started = torch.where(d == d0, torch.maximum(d, estimate), d)
        highest = torch.maximum(memory["highest"], estimate)
        new = torch.minimum(highest, started * x.knobs["growth_rate"])
        new = torch.where(size > 0, new, d)
        denominator = torch.sqrt(v, out=scratch).add_(new * x.knobs["eps"])
        w = decayed(x._replace(rate=step)).sub_((step * m).div_(denominator))
        after = {"x0": memory["x0"], "s": s, "m": m, "v": v, "d": new, "highest": highest, "numerator": numerator}
        return w, after


@dataclass(frozen=True)
class ScheduleFree(Method):
    """Schedule-Free gradient descent, or with `adam` AdamW (Defazio et al. 2024).

    Gradients are taken at `y = (1-beta) z + beta x`; the point that counts is x, the weighted average of z.
    """

    adam: bool = False

    def init(self, w: Tensor, knobs: Knobs, leaves: Leaves) -> Memory:
        """Put z and x at the start `[b, P]`."""
        memory = {"z": w, "x": w, **scalars(w, largest=0.0, weights=0.0)}
        return memory | (zeros(w, "v") if self.adam else {})

    def update(self, x: Inputs, memory: Memory) -> Moved:
        """Step z along the gradient at y, and average it into x, `[b, P]` each."""
        beta, b2, g, after = x.knobs["beta1"], x.knobs["beta2"], x.gradient, {}
        if self.adam:
            after["v"] = b2 * memory["v"] + (1 - b2) * g.square()
            g = g / ((after["v"] / (1 - b2**x.t)).sqrt() + x.knobs["eps"])
        g = g + x.knobs["weight_decay"] * x.w
        largest = torch.maximum(memory["largest"], x.rate)
        weights = memory["weights"] + largest.square()
        share = torch.where(weights > 0, largest.square() / weights, 0)
        z = memory["z"] - x.rate * g
        average = (1 - share) * memory["x"] + share * z
        after |= {"z": z, "x": average, "largest": largest, "weights": weights}
        return (1 - beta) * z + beta * average, {name: after[name] for name in memory}

    def reported(self, w: Tensor, memory: Memory, knobs: Knobs) -> Tensor:
        """Return the average x `[b, P]`."""
        return memory["x"]


BETAS = (0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999)
"""Horizons of Mechanic's tuners."""


@dataclass(frozen=True)
class Mechanic(Method):
    """Mechanic over gradient descent (Cutkosky, Defazio, Mehta 2023): learns the scale of the base method's updates.

    It keeps the sum D of the base updates, as the package does with `store_delta=True`; `d0` is its `s_init`.
    """

    def init(self, w: Tensor, knobs: Knobs, leaves: Leaves) -> Memory:
        """Remember the start of `[b, P]`."""
        tuners = w.new_zeros(len(w), len(BETAS))
        names = ("s", "largest", "variance", "reward")
        return {"x0": w, **zeros(w, "D"), **{name: tuners.clone() for name in names}}

    def update(self, x: Inputs, memory: Memory) -> Moved:
        """Add the base update to D, tune, and move to `x0 + D sum s`, `[b, P]`."""
        g, eps, D, s = x.gradient, x.knobs["eps"], memory["D"], memory["s"]
        base = -x.rate * g
        y = x.w + base
        pull = 0.01 * y * s.sum(1, keepdim=True) * row_norm(g) / (row_norm(y) + eps)
        h = dot(D, g + pull)
        betas = x.w.new_tensor(BETAS)
        largest = torch.maximum(betas * memory["largest"], h.abs())
        variance = betas.square() * memory["variance"] + h.square()
        reward = (betas * memory["reward"] - s * h).clamp_min(0)
        s = (largest * x.knobs["d0"] / len(BETAS) + reward) / (variance.sqrt() + eps)
        D = D + base
        after = {"x0": memory["x0"], "D": D, "s": s, "largest": largest, "variance": variance, "reward": reward}
        return memory["x0"] + D * s.sum(1, keepdim=True), after
