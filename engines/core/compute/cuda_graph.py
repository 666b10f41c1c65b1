"""Taking many steps at once: a plain loop, or a CUDA graph where launches would dominate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

Step = Callable[[Any, Mapping[str, Tensor]], Any]


def loop(step: Step, state: Any, knobs: Mapping[str, Tensor], count: int) -> Any:
    """Apply `state = step(state, knobs)` `count` times; tensors of the state are `[B, *]`, knobs `[B]`."""
    for _ in range(count):
        state = step(state, knobs)
    return state


class CapturedSteps:
    """A CUDA graph in which `step` is captured `unroll` times; what is left over runs in a plain loop.

    The graph reads and writes its own static tensors, so states handed in and out stay immutable.
    """

    def __init__(self, step: Step, state: Any, knobs: Mapping[str, Tensor], unroll: int = 32) -> None:
        self._step, self._unroll = step, unroll
        self._state = type(state)(*(value.clone() for value in state))
        self._knobs = {name: value.clone() for name, value in knobs.items()}
        self._graph = torch.cuda.CUDAGraph()
        self._warm_up()
        # Other runs and probes may allocate in their own threads meanwhile.
        with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            self._assign(self._state, loop(step, self._state, self._knobs, unroll))

    def __call__(self, state: Any, knobs: Mapping[str, Tensor], count: int) -> Any:
        """Return the state after `count` steps."""
        replays, remaining = divmod(count, self._unroll)
        if replays:
            self._assign(self._state, state)
            self._assign(self._knobs.values(), knobs.values())
            for _ in range(replays):
                self._graph.replay()
            state = type(state)(*(value.clone() for value in self._state))
        return loop(self._step, state, knobs, remaining)

    def _warm_up(self) -> None:
        # Libraries allocate their workspaces on first use, which a capture forbids.
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            loop(self._step, self._state, self._knobs, 3)
        torch.cuda.current_stream().wait_stream(side)

    @staticmethod
    def _assign(targets: Any, sources: Any) -> None:
        for target, source in zip(targets, sources, strict=True):
            target.copy_(source)
