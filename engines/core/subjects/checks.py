"""Checks of a subject as it comes in, each failure one sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError, DynascopeError, message_of, quote
from engines.core.subjects.minibatches import Minibatch, Minibatches, size, take, tensors

Losses = Callable[[Tensor, Minibatch], Tensor]
"""Map parameters `[P]` and a minibatch to losses `[n]`."""

CHECKED = 64
"""Most samples of the first minibatch on which a loss is checked."""

SAME = {torch.float64: 1e-9, torch.float32: 1e-4}
"""Relative differences up to which two means are the same: sums in another order round differently."""


def require_params(params: Any) -> None:
    """Raise `ConfigError` unless parameters are named floating tensors, on one device, finite."""
    if not isinstance(params, Mapping) or not params:
        raise ConfigError(f"params={quote(params)} is no mapping of names to tensors")
    for name, one in params.items():
        if not isinstance(one, Tensor) or not one.is_floating_point():
            raise ConfigError(f"the parameter {quote(name)} is {_kind(one)}, and no tensor of real numbers")
        if one.device.type != "meta" and (lost := int((~one.isfinite()).sum())):
            raise ConfigError(f"{lost} of the {one.numel():,} values of the parameter {quote(name)} are not finite")
    devices = {str(one.device) for one in params.values()}
    if len(devices) > 1:
        raise ConfigError(f"the parameters are on {' and '.join(sorted(devices))}: all are to be on one device")


def check_loss(losses: Losses, theta: Tensor, data: Minibatches) -> None:
    """Check a loss at parameters `theta [P]` on the first samples of some data. Raises `ConfigError`."""
    for one in tensors(data.first):
        if one.device != theta.device:
            raise ConfigError(
                f"the parameters are on {theta.device}, {data.name} is on {one.device}: move one to the other"
            )
    few = take(data.first, slice(0, CHECKED))
    made = _losses(losses, theta, few, data.name)
    if _apart(made, _losses(losses, theta, few, data.name)):
        raise ConfigError(
            "loss gives other values when it is called again: dropout is on, or something else in it is random"
        )
    n = len(made)
    if n < 2:
        return
    halves = [_losses(losses, theta, take(few, half), data.name) for half in (slice(0, n // 2), slice(n // 2, n))]
    if apart := _apart(made, torch.cat(halves)):
        raise ConfigError(
            f"loss of a sample changes by {apart:.2g} with the other samples of its minibatch, as batch normalisation "
            "does in training mode: the mean would depend on how samples are grouped"
        )


def _losses(losses: Losses, theta: Tensor, minibatch: Minibatch, name: str) -> Tensor:
    """Losses `[n]` of a minibatch, with their shape and values checked."""
    try:
        with torch.no_grad():
            made = losses(theta, minibatch)
    except DynascopeError:
        raise
    except Exception as error:
        raise ConfigError(f"loss fails on {name}: {type(error).__name__}: {message_of(error)}") from error
    n = size(minibatch)
    if not isinstance(made, Tensor) or tuple(made.shape) != (n,):
        given = f"shape {tuple(made.shape)}" if isinstance(made, Tensor) else _kind(made)
        why = ", as a mean has: give reduction='none'" if isinstance(made, Tensor) and made.ndim == 0 else ""
        raise ConfigError(f"loss of {n} samples gives {given}{why}; it is to give one loss a sample, of shape ({n},)")
    if lost := int((~made.isfinite()).sum()):
        raise ConfigError(f"losses of {lost} of {n} samples of {name} are not finite")
    return made


def _apart(one: Tensor, other: Tensor) -> float:
    """Return how far losses `[n]` are apart, 0 where that is rounding."""
    most = float((one - other).abs().max())
    return most if most > SAME.get(one.dtype, 1e-2) * (1 + float(one.abs().max())) else 0.0


def require_twice_differentiable(losses: Losses, theta: Tensor, minibatch: Minibatch, name: str) -> None:
    """Raise `ConfigError` where a loss cannot be differentiated twice at `theta [P]`, or not to finite numbers."""
    try:
        with torch.enable_grad():
            at = theta.detach().requires_grad_()
            made = losses(at, take(minibatch, slice(0, 2)))
            (first,) = torch.autograd.grad(made.sum(), at, create_graph=True)
            second = torch.autograd.grad(first.sum(), at)[0] if first.requires_grad else first
    except Exception as error:
        why = f"{type(error).__name__}: {message_of(error)}"
        raise ConfigError(f"the loss of {quote(name)} cannot be differentiated twice: {why}") from error
    if not bool(first.isfinite().all() and second.isfinite().all()):
        raise ConfigError(f"the loss of {quote(name)} has derivatives that are not finite at its parameters")


def _kind(value: Any) -> str:
    return f"of type {value.dtype}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
