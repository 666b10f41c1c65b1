"""CUDA graphs of one step and of many, where launches would dominate."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

Steps = Callable[[Any, Mapping[str, Tensor], int], Any]
"""Takes that many steps from a state of tensors `[B, *]`, with knobs `[B]`."""

UNROLLED = (32, 1)
"""Steps of each graph: the long one saves launches, and the short one takes what is left up to the next frame."""

WARM_UP = 3
"""Steps before a capture: libraries allocate their workspaces on first use, which a capture forbids."""

_CAPTURES = threading.Lock()
"""One capture at a time in a process; runs and probes have threads of their own."""


class CapturedSteps:
    """CUDA graphs in which 1 and 32 of the steps are captured.

    They read and write their own static tensors, so states handed in and out stay immutable. Raises `RuntimeError`
    where a step cannot be captured: one of its operations waits for the GPU, or memory runs out.
    """

    def __init__(self, steps: Steps, state: Any, knobs: Mapping[str, Tensor]) -> None:
        self._state = type(state)(*(value.clone() for value in state))
        self._knobs = {name: value.clone() for name, value in knobs.items()}
        self._made, self._given = None, knobs
        self.replays = 0
        with _CAPTURES:
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                steps(self._state, self._knobs, WARM_UP)
            torch.cuda.current_stream().wait_stream(stream)
            self._graphs = [(count, self._captured(steps, count, stream)) for count in UNROLLED]

    def _captured(self, steps: Steps, count: int, stream: torch.cuda.Stream) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        # Other runs and probes may allocate in their own threads meanwhile.
        with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            self._assign(self._state, steps(self._state, self._knobs, count))
        return graph

    def __call__(self, state: Any, knobs: Mapping[str, Tensor], count: int) -> Any:
        """Return the state after `count` steps."""
        if state is not self._made:  # else it lies in the graph already
            self._assign(self._state, state)
        if knobs is not self._given:
            self._assign(self._knobs.values(), knobs.values())
            self._given = knobs
        for size, graph in self._graphs:
            replays, count = divmod(count, size)
            for _ in range(replays):
                graph.replay()
            self.replays += replays
        self._made = type(state)(*(value.clone() for value in self._state))
        return self._made

    @staticmethod
    def _assign(targets: Any, sources: Any) -> None:
        for target, source in zip(targets, sources, strict=True):
            target.copy_(source)
