"""The host's view of graphics cards that are not there: what is counted, what a capture records, what is under way."""

from __future__ import annotations

import inspect
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten

MACHINE: Machine | None = None
"""The machine of this process, while it pretends to have GPUs."""


@dataclass
class Count:
    """What happened while it was counted."""

    kernels: int = 0
    waits: list[str] = field(default_factory=list)
    """Operations that made the host wait."""
    uploads: list[str] = field(default_factory=list)
    """Shapes of what was copied to the GPU."""
    kinds: Counter[str] = field(default_factory=Counter)
    """Kernels by the names of their operations."""
    places: list[str] = field(default_factory=list)
    """Files of the engines that made the host wait."""


class Tape:
    """What a capture recorded, to be played again: the pretended `torch.cuda.CUDAGraph`."""

    def __init__(self) -> None:
        self._entries: list[tuple[Callable[..., Any], tuple, dict, list[Tensor]]] = []

    def record(self, act: Callable[..., Any], args: tuple, kwargs: dict, made: Any) -> None:
        """Keep one kernel with what it read and where it wrote."""
        self._entries.append((act, args, kwargs, _tensors(made)))

    def spoil(self) -> None:
        """Nothing is computed by a capture: what its kernels made is no number until it is played."""
        for _, args, _, made in self._entries:
            given = {id(one) for one in _tensors(args)}
            for one in made:
                if one.is_floating_point() and id(one) not in given:
                    one.fill_(torch.nan)

    def replay(self) -> None:
        """Launch all kernels once more, each into the memory into which it wrote."""
        machine().replays += 1
        for act, args, kwargs, made in self._entries:
            for old, new in zip(made, _tensors(act(*args, **kwargs)), strict=True):
                if old is not new:
                    old.copy_(new)


class Machine:
    """The host's view of its pretended GPUs."""

    def __init__(self, gpus: int, memory: int) -> None:
        self.gpus, self.memory, self.current = gpus, memory, 0
        self.replays = 0
        self.largest = memory
        """Bytes of the largest tensor that still fits."""
        self.cached = 0
        """Bytes that torch has reserved and does not use."""
        self.emptied = 0
        self.capturing: tuple[Tape, int, threading.Thread] | None = None
        self.refuses_capture = False
        self.pinned: set[int] = set()
        self._under_way: list[tuple[int, Tensor, Tensor]] = []
        self._count = Count()

    @contextmanager
    def counting(self) -> Iterator[Count]:
        """Count what happens inside."""
        before, self._count = self._count, Count()
        try:
            yield self._count
        finally:
            self._count = before

    def wait(self, what: str) -> None:
        """Note that the host waits for the GPU. Raises within a capture."""
        self._count.waits.append(what)
        self._count.places.append(_place())
        self._refuse_in_capture(what)

    def uploaded(self, shape: tuple[int, ...]) -> None:
        """Note a copy from pageable memory to the GPU. Raises within a capture."""
        self._count.uploads.append(f"{shape} at {_place()}")
        self._refuse_in_capture(f"an upload of {shape}")

    def launched(self, name: str, index: int, act: Any, args: tuple, kwargs: dict, made: Any) -> None:
        """Note a kernel; within a capture it is recorded, if it is of the thread and the GPU that capture."""
        self._count.kernels += 1
        self._count.kinds[name] += 1
        if self.capturing and self.capturing[1:] == (index, threading.current_thread()):
            self.capturing[0].record(act, args, kwargs, made)

    def send(self, index: int, target: Tensor, source: Tensor) -> None:
        """Begin a copy to pinned memory: it holds nothing until somebody waits for an event after it."""
        self._under_way.append((index, target, source.clone()))
        target.fill_(torch.nan if target.is_floating_point() else 77)

    def recorded(self) -> list[tuple[int, Tensor, Tensor]]:
        """Take the copies that began on the current GPU: an event after them ends when they have arrived."""
        found = [one for one in self._under_way if one[0] == self.current]
        self._under_way = [one for one in self._under_way if one[0] != self.current]
        return found

    def allocate(self, made: Any) -> None:
        """Raise `OutOfMemoryError` where a tensor is larger than what still fits."""
        for one in _tensors(made):
            if one.nbytes > self.largest:
                raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {one.nbytes} bytes. It is full.")

    def _refuse_in_capture(self, what: str) -> None:
        if self.capturing and self.capturing[2] is threading.current_thread():
            raise RuntimeError(f"CUDA error: operation not permitted when stream is capturing ({what} at {_place()})")


def _tensors(value: Any) -> list[Tensor]:
    return [one for one in tree_flatten(value)[0] if isinstance(one, Tensor)]


def _place() -> str:
    """Find the innermost file of an engine on the stack."""
    frame = inspect.currentframe()
    while frame:
        _, found, name = frame.f_code.co_filename.partition("/engines/")
        if found:
            return name
        frame = frame.f_back
    return "a test"


def machine() -> Machine:
    """Return the machine of this process."""
    assert MACHINE is not None, "a tensor of a pretended GPU outlived its machine"
    return MACHINE
