"""Steps of many members, some of them at a time: their states then stay in the cache of a core from step to step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from engines.core.protocol.engine import Engine

CACHED = 2**22
"""Bytes of states that are advanced together, a thread: a share of the cache that all cores have in common."""

LINE = 64
"""Bytes of a line of the cache: within one a matrix of a slab begins where it does in the batch.

Libraries of linear algebra round differently where it begins elsewhere; with those that were tested no bit depends on
how members are divided.
"""


class Slabs:
    """A batch whose members are stepped some at a time, where an engine can tell their constants apart."""

    def __init__(self, engine: Engine, problem: Any, state: Any) -> None:
        """Divide a batch on the processor whose state of tensors `[B, *]` does not fit into the cache."""
        self._parts: list[tuple[slice, Any]] = [(slice(None), problem)]
        members, size = len(state[0]), sum(value.nbytes for value in state)
        each = members * CACHED * torch.get_num_threads() // max(size, 1)
        aligned = LINE // min((value.element_size() for value in state if value.is_floating_point()), default=1)
        each = max(aligned, each // aligned * aligned)
        if each < members and state[0].device.type == "cpu":
            places = [slice(start, start + each) for start in range(0, members, each)]
            divided = [(some, engine.members(problem, some)) for some in places]
            if divided[0][1] is not None:
                self._parts = divided

    def advance(
        self, steps: Callable[..., Any], state: Any, knobs: Mapping[str, Tensor], count: int, frozen: Tensor | None
    ) -> Any:
        """Return the state of tensors `[B, *]` after `count` of an engine's steps, with knobs `[B]`.

        Where all members of a slab are `frozen` `[B]`, nothing is computed.
        """
        if len(self._parts) == 1:
            return steps(self._parts[0][1], state, knobs, count)
        parts = []
        for places, problem in self._parts:
            own = type(state)(*(value[places] for value in state))
            if frozen is not None and bool(frozen[places].all()):
                parts.append(own)
                continue
            its_knobs = {name: value[places] for name, value in knobs.items()}
            parts.append(steps(problem, own, its_knobs, count))
        return type(state)(*map(torch.cat, zip(*parts, strict=True)))
