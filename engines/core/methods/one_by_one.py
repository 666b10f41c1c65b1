"""Classes of `torch.optim` in a race: one member at a time, each step resumed from the state_dict of the one before.

Everything that such an object knows at step `t` comes from the memory, so that it is replayed like any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from engines.core.methods.method import Inputs, Leaves, Memory, Method, Moved, join, split
from engines.core.methods.own import call, called_so
from engines.core.protocol.errors import ConfigError, quote
from engines.core.protocol.own_method import OwnMethod

TRIED = 5
"""Steps by which a class is tried: on without a break, and resumed at each."""


class StateEntry(NamedTuple):
    """One number or tensor of a state_dict that changes from step to step."""

    place: tuple[Any, ...]
    """The keys that lead to it."""
    value: Any
    """One like it: its shape and type."""

    @property
    def name(self) -> str:
        """The name of its numbers in a member's memory."""
        return "own " + " ".join(map(str, self.place))


@dataclass(frozen=True)
class OneByOne(Method):
    """An optimiser's class; the step size is that of the lab, all other options are its author's."""

    own: OwnMethod

    @property
    def needs_host(self) -> bool:
        """Whether an update looks at numbers, as it does with every step size."""
        return True

    def init(self, w: Tensor, knobs: Mapping[str, Tensor], leaves: Leaves) -> Memory:
        """Try the class once, and return memory that the first step fills, `[b, *]`."""
        _, entries = layout(self.own, leaves, w.dtype)
        return {entry.name: w.new_zeros(len(w), max(_numbers(entry.value).numel(), 1)) for entry in entries}

    def update(self, x: Inputs, memory: Memory) -> Moved:
        """Step one member of `[b, P]` after another."""
        stepped = [self._stepped(x, memory, member) for member in range(len(x.w))]
        return torch.cat([w for w, _ in stepped]), {
            name: torch.stack([kept[name] for _, kept in stepped]) for name in memory
        }

    def _stepped(self, x: Inputs, memory: Memory, member: int) -> tuple[Tensor, dict[str, Tensor]]:
        state, entries = layout(self.own, x.leaves, x.w.dtype)
        at = slice(member, member + 1)
        optimizer, params = _made(self.own, x.w[at], x.leaves, float(x.rate[member]))
        if x.t[member] > 1:
            state = deepcopy(state)
            for entry in entries:
                _put(state, entry.place, _like(memory[entry.name][member], entry.value))
            for group in state["param_groups"]:
                group["lr"] = float(x.rate[member])
            _resume(self.own, optimizer, params, state)
        _step(self.own, optimizer, params, split(x.gradient[at], x.leaves))
        after = _entries(self.own, optimizer.state_dict())
        if x.t[member] > 1 and not all(entry.name in after for entry in entries):
            raise ConfigError(f"{called_so(self.own)} keeps another state at step {int(x.t[member])} than in its first")
        kept = {entry.name: _numbers(after.get(entry.name, entry).value).to(x.w) for entry in entries}
        return _flat(params), {name: value if value.numel() else x.w.new_zeros(1) for name, value in kept.items()}


def _made(own: OwnMethod, w: Tensor, leaves: Leaves, rate: float) -> tuple[Any, list[Tensor]]:
    """Make the optimiser of one member's parameters `[1, P]`, as one tensor a leaf."""
    params: list[Tensor] = [torch.nn.Parameter(part[0].clone()) for part in split(w, leaves)]
    optimizer = call(own, "its constructor", own.update, params, lr=rate, **own.options)
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise ConfigError(f"{called_so(own)} makes {quote(optimizer)}, and no torch.optim.Optimizer")
    return optimizer, params


def _step(own: OwnMethod, optimizer: Any, params: list[Tensor], gradients: list[Tensor]) -> None:
    for param, gradient in zip(params, gradients, strict=True):
        param.grad = gradient[0].clone()
    call(own, "step", optimizer.step)


def _resume(own: OwnMethod, optimizer: Any, params: list[Tensor], state: Mapping[str, Any]) -> None:
    """Give an optimiser the state of another one; its tensors keep their types, which loading makes the parameters'."""
    call(own, "load_state_dict", optimizer.load_state_dict, state)
    for at, param in enumerate(params):
        for name, value in state["state"].get(at, {}).items():
            if isinstance(value, Tensor) and value.dtype != optimizer.state[param][name].dtype:
                optimizer.state[param][name] = value.clone()


def _flat(params: list[Tensor]) -> Tensor:
    return join([param.detach()[None] for param in params])


# -- a state_dict as numbers --------------------------------------------------------------------------------------


def _entries(own: OwnMethod, state: Mapping[str, Any]) -> dict[str, StateEntry]:
    """List the tensors and numbers of a state_dict by name; of its groups those that are single numbers.

    Raises `ConfigError` for a state that is neither.
    """
    entries = []
    for key, values in state["state"].items():
        for name, value in values.items():
            if isinstance(value, Tensor | int | float):
                entries.append(StateEntry(("state", key, name), value))
            elif value is not None:
                raise ConfigError(f"{called_so(own)} keeps {quote(name)} as {type(value).__name__} in its state: only "
                                  "tensors and numbers are resumed")  # fmt: skip
    for at, group in enumerate(state["param_groups"]):
        for name, value in group.items():
            if isinstance(value, Tensor | int | float) and name != "lr":
                entries.append(StateEntry(("param_groups", at, name), value))
    return {entry.name: entry for entry in entries}


def _numbers(value: Any) -> Tensor:
    """Return the numbers `[n]` of a tensor or number."""
    return torch.as_tensor(value).detach().flatten()


def _like(numbers: Tensor, value: Any) -> Any:
    """Return numbers `[n]` in the shape and type of a tensor or number."""
    if isinstance(value, Tensor):
        return numbers[: value.numel()].reshape(value.shape).to(value.dtype, copy=True)
    return type(value)(numbers[0].item())


def _put(state: Any, place: tuple[Any, ...], value: Any) -> None:
    for key in place[:-1]:
        state = state[key]
    state[place[-1]] = value


# -- before the first step ----------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def layout(own: OwnMethod, leaves: Leaves, dtype: torch.dtype) -> tuple[dict[str, Any], tuple[StateEntry, ...]]:
    """Return a state_dict after some steps, and what of it changes. Raises `ConfigError` where a class does wrong."""
    stream = torch.Generator().manual_seed(0)
    drawn = torch.randn((TRIED + 1, 1, sum(leaf.size for leaf in leaves)), generator=stream, dtype=torch.float64)
    w, gradients = drawn[0].to(dtype), [split(each.to(dtype), leaves) for each in drawn[1:]]
    optimizer, params = _made(own, w, leaves, 0.01)
    begun = _entries(own, optimizer.state_dict())
    path = []
    for gradient in gradients:
        _step(own, optimizer, params, gradient)
        path.append(_flat(params))
    if not path[-1].isfinite().all():
        raise ConfigError(f"{called_so(own)} makes numbers that are not finite of finite ones, in its first steps")
    state = optimizer.state_dict()
    changing = [entry for name, entry in _entries(own, state).items() if _changes(begun.get(name), entry)]
    for resumed, kept in zip(_resumed(own, w, leaves, gradients), path, strict=True):
        if not resumed.equal(kept):
            raise ConfigError(f"{called_so(own)} keeps something outside its state_dict, and cannot be resumed from it")
    return deepcopy(state), tuple(changing)


def _changes(begun: StateEntry | None, entry: StateEntry) -> bool:
    return begun is None or not _numbers(begun.value).equal(_numbers(entry.value))


def _resumed(own: OwnMethod, w: Tensor, leaves: Leaves, gradients: list[list[Tensor]]) -> Iterator[Tensor]:
    """Yield parameters `[1, P]` after each step of an optimiser that is made anew for every step."""
    state = None
    for gradient in gradients:
        optimizer, params = _made(own, w, leaves, 0.01)
        if state is not None:
            _resume(own, optimizer, params, state)
        _step(own, optimizer, params, gradient)
        w, state = _flat(params), optimizer.state_dict()
        yield w
