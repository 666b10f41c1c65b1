"""Admission: the runs of all visitors share the memory; one that would take too much is refused before it begins."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple, NoReturn
from weakref import WeakKeyDictionary

import torch

from engines.core.compute import device as devices
from engines.core.compute import memory, work
from engines.core.compute.simulation import Simulation
from engines.core.live.limits import LIMITS
from engines.core.protocol.config import Config
from engines.core.protocol.engine import Engine
from engines.core.protocol.errors import ConfigError

GIB = devices.GIB


class Taken(NamedTuple):
    """What a run takes, and the device that computes it."""

    needs: memory.MemoryNeeds
    device: torch.device


class Admission:
    """Book of the bytes that each run takes; a run is named by its owner, and forgotten with it."""

    def __init__(self) -> None:
        self._book: WeakKeyDictionary[object, Taken] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def count(self) -> int:
        """Count the runs that take anything."""
        return len(self._book)

    def total(self) -> int:
        """Count the bytes of the host that all runs take."""
        with self._lock:
            return sum(taken.needs.host for taken in self._book.values())

    def release(self, owner: object) -> None:
        """Forget a run that has ended."""
        with self._lock:
            self._book.pop(owner, None)

    @contextmanager
    def attempt(self, owner: object) -> Iterator[None]:
        """Have a run take what it took where something fails inside."""
        before = self._book.get(owner)
        try:
            yield
        except BaseException:
            if before:
                with self._lock:
                    self._book[owner] = before
            raise

    def estimate(self, owner: object, engine: Engine, configs: Sequence[Config], device: torch.device) -> None:
        """Take what some members will need at least. Raises `ConfigError` before anything of them is built."""
        size = memory.estimate(engine, configs)
        needs = memory.MemoryNeeds(size, size * (device.type != "cpu"))  # drawn on the host, computed there
        self._take(owner, engine, configs, needs, device)
        seconds = work.seconds_a_step(engine, configs, device) if LIMITS.step else 0
        if LIMITS.step and seconds > LIMITS.step:
            self.release(owner)
            advice = memory.advice(engine, configs, LIMITS.step / seconds)
            raise ConfigError(f"a step would take about {seconds:.2g} s here, and may take {LIMITS.step:g} s: {advice}")

    def measure(
        self,
        owner: object,
        simulation: Simulation,
        configs: Sequence[Config],
        row: Mapping[str, int],
        to: int,
        before: int = 0,
        device: torch.device | None = None,
    ) -> None:
        """Take what a simulation needs up to a step, with rows of the bytes in `row`, beside as many of them `before`.

        It is asked for on `device`, where the simulation is to move there. Raises `ConfigError`; the run then takes
        what it took.
        """
        device = device or simulation.device
        needs = memory.needs(simulation, row, to, before, device)
        self._take(owner, simulation.engine, configs, needs, device)

    def _take(
        self, owner: object, engine: Engine, configs: Sequence[Config], needs: memory.MemoryNeeds, device: torch.device
    ) -> None:
        with self._lock:
            others = [taken.needs.host for one, taken in self._book.items() if one is not owner]
            mine = self._book.get(owner)
            if LIMITS.runs and len(others) >= LIMITS.runs:
                raise ConfigError(
                    f"{len(others)} runs are open here, and no more than {LIMITS.runs} may be: wait, or close a page"
                )
            host = _limit() - sum(others)
            gpu = devices.memory(device) if needs.gpu else 0  # as measured: what others hold is not free any more
            if mine and mine.device == device:
                gpu += mine.needs.gpu  # nor is what this run holds, which it need not get again
            if needs.host > host:
                _refuse(engine, configs, needs.host, host, _limit(), "cpu")
            if needs.gpu > gpu:
                _refuse(engine, configs, needs.gpu, gpu, gpu, str(device))
            self._book[owner] = Taken(needs, device)


def _limit() -> int:
    return LIMITS.memory or devices.memory(torch.device("cpu"))


def _refuse(engine: Engine, configs: Sequence[Config], needed: int, free: int, limit: int, device: str) -> NoReturn:
    others = f", of which other runs take {(limit - free) / GIB:.1f} GiB" if free < limit else ""
    advice = memory.advice(engine, configs, max(free, 0) / needed)
    raise ConfigError(
        f"this configuration needs {needed / GIB:.1f} GiB for its data, its states and what is recorded; "
        f"the limit on {device} is {limit / GIB:.1f} GiB{others}: {advice}"
    )


ADMISSION = Admission()
"""The book of this process."""
