"""Adapters of modules: a `torch.nn.Module` and a loss of its outputs, as functions of parameters and a minibatch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd

from engines.core.protocol.errors import ConfigError, UnknownName, quote
from engines.core.subjects.keras_models import as_torch
from engines.core.subjects.minibatches import Minibatch

TARGETS = ("labels", "label", "targets", "target", "y")
"""Keys under which a minibatch that is a mapping holds its targets; the first that is there."""


def adapt(module: torch.nn.Module, loss: Callable[[Any, Any], Tensor], features: Sequence[str]) -> dict[str, Any]:
    """Make the arguments of a subject from a module and its loss `[n]`.

    Raises `ConfigError` for what is no module, or one without parameters.
    """
    if not isinstance(module, torch.nn.Module):
        raise ConfigError(f"module={quote(module)} is no torch.nn.Module")
    module = as_torch(module)
    frozen = copy.deepcopy(module).eval().requires_grad_(False)
    buffers = {name: one.detach() for name, one in frozen.named_buffers()}
    every = dict(frozen.named_parameters())
    free = {name for name, one in module.named_parameters() if one.requires_grad} or set(every)
    params = {name: one for name, one in every.items() if name in free}
    fixed = {name: one for name, one in every.items() if name not in free}
    if not params:
        raise ConfigError(
            f"{type(module).__name__} has no parameters; one that makes them when it first sees data has to see some"
        )

    def call(values: dict[str, Tensor], minibatch: Minibatch) -> Any:
        like = next(iter(values.values()))
        others = {n: one.to(like if one.is_floating_point() else like.device) for n, one in (fixed | buffers).items()}
        positional, named, _ = split_minibatch(minibatch)
        return functional_call(frozen, values | others, positional, named)

    def criterion(made: Any, minibatch: Minibatch) -> Tensor:
        return loss(made, split_minibatch(minibatch)[2])

    return {
        "loss": lambda values, minibatch: criterion(call(values, minibatch), minibatch), "params": params,
        "outputs": call, "criterion": criterion, "labels": class_labels, "module": frozen,
        "features": _features(frozen, call, features) if features else None,
        "notes": tuple(_notes(module, fixed)),
    }  # fmt: skip


def split_minibatch(minibatch: Minibatch) -> tuple[tuple[Any, ...], dict[str, Any], Any]:
    """Split a minibatch into positional and keyword arguments of a module, and its target."""
    if isinstance(minibatch, Tensor):
        return (minibatch,), {}, minibatch
    if isinstance(minibatch, Mapping):
        key = next((key for key in TARGETS if key in minibatch), None)
        named = {name: value for name, value in minibatch.items() if name != key}
        return (), named, named if key is None else minibatch[key]
    return (tuple(minibatch[:-1]), {}, minibatch[-1]) if len(minibatch) > 1 else (tuple(minibatch), {}, minibatch[0])


def class_labels(minibatch: Minibatch) -> Tensor:
    """Classes `[n]` of a minibatch. Raises `ConfigError` where its target is no whole number a sample."""
    target = split_minibatch(minibatch)[2]
    if not isinstance(target, Tensor) or target.is_floating_point() or target.ndim != 1 or target is minibatch:
        raise ConfigError("its targets are no classes, one whole number a sample")
    return target


def _features(frozen: torch.nn.Module, call: Callable[..., Any], names: Sequence[str]) -> Callable[..., Any]:
    """Function of parameters and a minibatch that returns what the named submodules make of it."""
    modules = dict(frozen.named_modules())
    for name in names:
        if name not in modules:
            raise UnknownName(f"submodule of {type(frozen).__name__}", name, filter(None, modules))

    def features(values: dict[str, Tensor], minibatch: Minibatch) -> dict[str, Tensor]:
        made: dict[str, Tensor] = {}

        def keep(name: str) -> Any:
            return lambda _, __, output: made.__setitem__(name, output if isinstance(output, Tensor) else output[0])

        handles = [modules[name].register_forward_hook(keep(name)) for name in names]
        try:
            call(values, minibatch)
        finally:
            for handle in handles:
                handle.remove()
        return made

    return features


def _notes(module: torch.nn.Module, fixed: Mapping[str, Tensor]) -> list[str]:
    """Sentences on what was frozen."""
    norms = sum(isinstance(one, _NormBase) and one.track_running_stats for one in module.modules())
    drops = sum(isinstance(one, _DropoutNd) and one.p > 0 for one in module.modules())
    notes = []
    if norms:
        notes.append(f"evaluation mode: the running statistics of {_layers(norms, 'normalising ')} are frozen")
    if drops:
        notes.append(f"evaluation mode: dropout is off in {_layers(drops)}")
    if fixed:
        notes.append(f"of its tensors {len(fixed)} need no gradient and stay where they are")
    return notes


def _layers(count: int, kind: str = "") -> str:
    return f"{count} {kind}layer{'s' * (count != 1)}"
