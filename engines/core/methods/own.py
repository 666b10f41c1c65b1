"""Own methods in a race: the pure pair of functions, and what is checked of it before the first step and at each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from engines.core.methods.method import Inputs, Leaves, Memory, Method, Moved, join, split
from engines.core.methods.names import USUAL
from engines.core.protocol.errors import ConfigError, DynascopeError, message_of, quote
from engines.core.protocol.own_method import METHODS, OwnMethod

READ = tuple(USUAL)
"""Knobs that an own pair may read; `update` has `rate`, `t` and `loss` beside them."""

APART = 1e-3
"""Share of a step by which a member may move differently beside others: products of batches round differently."""

State = dict[str, Tensor]


@dataclass(frozen=True)
class OwnPair(Method):
    """An own pair of functions, whose state lies in the memory under names of its own."""

    own: OwnMethod

    @property
    def needs_host(self) -> bool:
        """Whether its step may look at numbers: nobody knows, so that it is never captured."""
        return True

    def init(self, w: Tensor, knobs: Mapping[str, Tensor], leaves: Leaves) -> Memory:
        """Try the method once, and return the state with which it begins at `[b, P]`."""
        try_out(self.own, leaves, w.dtype)
        return self._packed([self._begun(part, knobs) for part in self._parts(w, leaves)])

    def update(self, x: Inputs, memory: Memory) -> Moved:
        """Step each part of `[b, P]` as the method does."""
        knobs = {name: x.knobs[name] for name in READ} | {"rate": x.rate, "t": x.t, "loss": x.loss}
        shapes = state_shapes(self.own, x.leaves, x.w.dtype)
        moved, states = [], []
        gradients, parts = self._parts(x.gradient, x.leaves), self._parts(x.w, x.leaves)
        for at, (gradient, params) in enumerate(zip(gradients, parts, strict=True)):
            state = {name: memory[f"own {at} {name}"].reshape(-1, *shape) for name, shape in shapes[at].items()}
            after, kept = self._stepped(gradient, state, params, knobs)
            moved.append(after)
            states.append(kept)
        return join(moved), self._packed(states)

    def _parts(self, flat: Tensor, leaves: Leaves) -> list[Tensor]:
        return split(flat, leaves) if self.own.matrices else [flat]

    def _knobs(self, knobs: Mapping[str, Tensor], params: Tensor) -> dict[str, Tensor]:
        """Bring knobs `[b, 1]` to as many axes as parameters have."""
        return {name: value.reshape(-1, *[1] * (params.dim() - 1)) for name, value in knobs.items()}

    def _begun(self, params: Tensor, knobs: Mapping[str, Tensor]) -> State:
        if self.own.init is None:
            return {}
        read = self._knobs({name: knobs[name] for name in READ}, params)
        return _state(self.own, call(self.own, "init", self.own.init, params, read), params)

    def _stepped(self, gradient: Tensor, state: State, params: Tensor, knobs: Mapping[str, Tensor]) -> tuple:
        given = (gradient, params, *state.values())
        versions = [each._version for each in given]
        returned = call(self.own, "update", self.own.update, gradient, dict(state), params, self._knobs(knobs, params))
        if [each._version for each in given] != versions:
            raise ConfigError(f"{called_so(self.own)} changes what it is given in place: return new tensors")
        if not (isinstance(returned, tuple) and len(returned) == 2):
            raise ConfigError(f"{called_so(self.own)} returns {quote(returned)}, and no pair of params and state")
        after, kept = returned
        _require(self.own, "params", after, params.shape, params)
        kept = _state(self.own, kept, params)
        if {name: each.shape for name, each in kept.items()} != {name: each.shape for name, each in state.items()}:
            raise ConfigError(f"{called_so(self.own)} returns the state {_said(kept)}, and began with {_said(state)}")
        return after, kept

    def _packed(self, states: list[State]) -> Memory:
        named = ((f"own {at} {name}", each) for at, state in enumerate(states) for name, each in state.items())
        return {name: each.reshape(len(each), -1) for name, each in named}


def called_so(own: OwnMethod) -> str:
    """Name a method in the middle of a sentence."""
    return f"the method {quote(own.name)}"


def call(own: OwnMethod, what: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call a function of a person's own. Raises `ConfigError` with whatever it raises."""
    try:
        return function(*arguments, **options)
    except DynascopeError:
        raise
    except (Exception, SystemExit) as error:
        reason = ": ".join(filter(None, (type(error).__name__, message_of(error))))
        raise ConfigError(f"{called_so(own)} stopped in {what} ({reason})") from error


def _require(own: OwnMethod, what: str, value: Any, shape: Any, like: Tensor) -> None:
    if not isinstance(value, Tensor):
        raise ConfigError(f"{called_so(own)} returns {quote(value)} for {what}, and no tensor")
    if value.shape != shape:
        raise ConfigError(f"{called_so(own)} returns {what} of the shape {list(value.shape)}, and not {list(shape)}")
    if (value.dtype, value.device) != (like.dtype, like.device):
        actual, right = (f"{one.dtype} on {one.device}" for one in (value, like))
        raise ConfigError(f"{called_so(own)} returns {what} in {actual}, and not in {right} as it was given")


def _state(own: OwnMethod, value: Any, params: Tensor) -> State:
    """Check what a method remembers: tensors `[b, *]` by name."""
    if not isinstance(value, Mapping):
        raise ConfigError(f"{called_so(own)} returns the state {quote(value)}, and no tensors by name")
    for name, each in value.items():
        if isinstance(each, Tensor) and (not each.dim() or len(each) != len(params)):
            shape = f"{list(each.shape)}, which does not begin with the {len(params)} members"
            raise ConfigError(f"{called_so(own)} returns the state {quote(name)} of the shape {shape}")
        _require(own, f"the state {quote(name)}", each, getattr(each, "shape", ()), params)
    return dict(value)


def _said(state: State) -> str:
    return ", ".join(f"{name} {list(each.shape)}" for name, each in state.items()) or "without any tensor"


# -- before the first step ----------------------------------------------------------------------------------------


def _made_up(leaves: Leaves, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return parameters and gradients `[3, P]` that mean nothing."""
    stream = torch.Generator().manual_seed(0)
    drawn = torch.randn((2, 3, sum(leaf.size for leaf in leaves)), generator=stream, dtype=torch.float64)
    return drawn[0].to(dtype), drawn[1].to(dtype)


def _two_steps(own: OwnMethod, leaves: Leaves, members: slice, dtype: torch.dtype) -> Tensor:
    """Take two steps of members of the made-up problem; parameters `[b, P]` after them."""
    w, gradient = (value[members] for value in _made_up(leaves, dtype))
    ones, pair = torch.ones(len(w), 1, dtype=dtype), OwnPair(own)
    knobs = {name: value * ones for name, value in USUAL.items()}
    memory = pair._packed([pair._begun(part, knobs) for part in pair._parts(w, leaves)])
    for t in (1, 2):
        w, memory = pair.update(Inputs(gradient, w, ones, 0.01 * ones, t * ones, knobs, leaves), memory)
    return w


@lru_cache(maxsize=256)
def state_shapes(own: OwnMethod, leaves: Leaves, dtype: torch.dtype) -> list[dict[str, tuple[int, ...]]]:
    """List for each part of the parameters the shapes of what the method remembers of one member, by name."""
    w, pair = _made_up(leaves, dtype)[0][:1], OwnPair(own)
    knobs = {name: w.new_full((1, 1), value) for name, value in USUAL.items()}
    begun = [pair._begun(part, knobs) for part in pair._parts(w, leaves)]
    return [{name: tuple(each.shape[1:]) for name, each in state.items()} for state in begun]


@lru_cache(maxsize=256)
def try_out(own: OwnMethod, leaves: Leaves, dtype: torch.dtype) -> None:
    """Try a method on three members with made-up gradients. Raises `ConfigError` for whatever it does wrong there."""
    together = _two_steps(own, leaves, slice(None), dtype)
    if not together.isfinite().all():
        raise ConfigError(f"{called_so(own)} makes numbers that are not finite of finite ones, in its first two steps")
    if not together.equal(_two_steps(own, leaves, slice(None), dtype)):
        raise ConfigError(f"{called_so(own)} returns something else when it is given the same again")
    alone = torch.cat([_two_steps(own, leaves, slice(at, at + 1), dtype) for at in range(len(together))])
    moved = (together - _made_up(leaves, dtype)[0]).abs().max()
    if (together - alone).abs().max() > APART * moved:
        raise ConfigError(f"{called_so(own)} mixes members: what one does depends on those beside it")


def reads(name: str) -> frozenset[str]:
    """List the knobs that may change what an own method does; all where it is not found."""
    try:
        return frozenset() if METHODS.find(name).is_optimizer else frozenset(READ)
    except DynascopeError:  # the run says so
        return frozenset(READ)


def slower(name: str) -> str:
    """Return the caution that a class of `torch.optim` steps one member at a time; "" for any other own method."""
    return (
        "" if reads(name) else "Your method is a class of torch.optim: it steps one member at a time, which is slower."
    )
