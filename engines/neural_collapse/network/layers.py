"""One hidden layer of all members at once: forwards, backwards, and as it is once it is trained."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

EPS = 1e-5
"""Added to the variance."""


class Passed(NamedTuple):
    """A layer that a batch of b samples went through; the last three are None without batch-norm."""

    out: Tensor
    """`[B, b, h]`."""
    normed: Tensor | None
    """`(z - mean)/std` with `z = x W`, `[B, b, h]`."""
    mean: Tensor | None
    """Over the batch, `[B, h]`."""
    var: Tensor | None
    """Likewise; divided by b."""


class Back(NamedTuple):
    """Derivatives of the loss."""

    z: Tensor
    """By `x W`, `[B, b, h]`."""
    gain: Tensor | None
    """`[B, h]`; None without batch-norm."""
    shift: Tensor


def plain(z: Tensor, shift: Tensor) -> Passed:
    """`ReLU(z + shift)`; shift `[B, h]`."""
    return Passed(torch.relu(z + shift[:, None]), None, None, None)


def normalised(z: Tensor, gain: Tensor, shift: Tensor) -> Passed:
    """`ReLU(gain (z - mean)/sqrt(var + eps) + shift)` with mean and variance of the batch; gain and shift `[B, h]`."""
    mean = z.mean(1)
    centred = z - mean[:, None]
    var = centred.square().mean(1)
    normed = centred.mul_((var + EPS).rsqrt()[:, None])
    return Passed(torch.addcmul(shift[:, None], gain[:, None], normed).relu_(), normed, mean, var)


def backward(passed: Passed, gain: Tensor, grad: Tensor) -> Back:
    """From the derivative by what the layer puts out, `[B, b, h]`; of batch-norm through its statistics too.

    With `g` the derivative by `gain * normed + shift`:
    `dz = gain/std (g - mean g - normed mean(g normed))`.
    """
    g = grad * (passed.out > 0)
    shift = g.sum(1)
    if passed.normed is None or passed.var is None:
        return Back(g, None, shift)
    by_gain = (g * passed.normed).sum(1)
    count = g.shape[1]
    inner = torch.addcmul(g - shift[:, None] / count, passed.normed, by_gain[:, None], value=-1 / count)
    return Back(inner.mul_((gain * (passed.var + EPS).rsqrt())[:, None]), by_gain, shift)


def trained(x: Tensor, W: Tensor, gain: Tensor, shift: Tensor, mean: Tensor, var: Tensor) -> Tensor:
    """A layer in evaluation mode: the running statistics, folded into the weights. x `[B, N, D]`, `[B, N, h]`."""
    scale = gain * (var + EPS).rsqrt()
    return torch.baddbmm((shift - mean * scale)[:, None], x, W * scale[:, None]).relu_()
