"""The memory that a run will take: its problem, copies of its state, checkpoints and what is recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch

from engines.core.compute import device as devices
from engines.core.compute.checkpoints import CHECKPOINT_BUDGET
from engines.core.compute.simulation import Simulation, group_by_shape
from engines.core.data.recording import BUDGET as THIN_CHANNELS
from engines.core.data.recording import Frame
from engines.core.data.schedule import THIN, Schedule
from engines.core.protocol.config import Config
from engines.core.protocol.engine import Engine
from engines.core.protocol.errors import ConfigError, OutOfMemory

COPIES = 3
"""States that are alive at once beside the one that the engine counts: the next, the last looked at, and the first."""

ON_THE_WAY = 2
"""Such states more on a GPU, where a look is on its way to the host: the one that is seen, and the one before."""


class MemoryNeeds(NamedTuple):
    """Bytes that a run takes of the host and of its device; on the processor both are the host's."""

    host: int
    gpu: int = 0


def estimate(engine: Engine, configs: Sequence[Config]) -> int:
    """Estimate the bytes of the problems and the states of some members before anything is built."""
    return sum(engine.nbytes(group) for group in group_by_shape(configs).values())


def row_bytes(frame: Frame) -> dict[str, int]:
    """Bytes of each channel in a frame: whoever keeps them need not keep the frame."""
    return {name: value.nbytes for name, value in frame.values.items()}


def needs(
    simulation: Simulation, row: Mapping[str, int], steps: int, recorded: int, device: torch.device
) -> MemoryNeeds:
    """Count the bytes that a simulation takes in `steps` steps of a schedule that begins now, after `recorded` rows.

    Counted are the problem and the state as the engine estimates them, and as measured the copies of the state, the
    checkpoints and the rows recorded, of the bytes in `row` each; those lie in the memory of the host, the others in
    that of `device`.
    """
    state = simulation.nbytes()
    kept = _budgeted(state, recorded + THIN.count(steps), CHECKPOINT_BUDGET)
    states = simulation.estimate + COPIES * state + kept
    rows = recording_bytes(simulation.engine, row, steps, recorded)
    on_host = device.type == "cpu"
    return MemoryNeeds(states + rows) if on_host else MemoryNeeds(rows, states + ON_THE_WAY * state)


def require(simulation: Simulation, frame: Frame, steps: int) -> None:
    """Raise `ConfigError` where a simulation that has begun with `frame` would take too much until `steps`."""
    host, gpu = needs(simulation, row_bytes(frame), steps, 0, simulation.device)
    devices.require_bytes(host, torch.device("cpu"))
    if gpu:
        devices.require_bytes(gpu, simulation.device)


def advice(engine: Engine, configs: Sequence[Config], share: float) -> str:
    """Say how many members, or which value of which knob, would take `share` of the estimated bytes at most.

    A knob is named only where the others may stay as they are; of several that help, the one that changes least.
    """
    allowed = share * estimate(engine, configs)
    members = _largest(lambda count: estimate(engine, configs[:count]) <= allowed, len(configs))
    if members:
        return f"{members:,} of the {len(configs):,} members would fit"
    candidates = [(_largest_value(engine, configs[0], name, allowed), name) for name in sizes(configs[0])]
    best = max(((value / getattr(configs[0], name), value, name) for value, name in candidates if value), default=None)
    alone = " alone" if len(configs) > 1 else ""
    return f"{best[2]}={best[1]:,} would fit{alone}" if best else "lower the sizes or the number of members"


@contextmanager
def advised(engine: Engine, configs: Sequence[Config], device: torch.device) -> Iterator[None]:
    """Add to an error of memory inside how much would fit, and on a GPU that the processor may have room.

    What torch keeps of tensors that are gone is given back, so that whoever comes next has it.
    """
    try:
        yield
    except OutOfMemory as error:
        devices.give_back()
        taken = estimate(engine, configs)
        share = taken / (taken + error.requested) if error.requested else 0.5
        fits = [advice(engine, configs, share)] if taken else []
        there = ["the processor may have room for it (device cpu)"] if device.type != "cpu" else []
        if not fits and not there:
            raise
        raise OutOfMemory(error.what, error.requested, "; ".join(fits + there)) from error


def sizes(config: Config) -> list[str]:
    """Name the knobs that are whole numbers on which the shape of the state depends."""
    knobs = type(config).knobs().items()
    return [name for name, knob in knobs if knob.role == "shape" and knob.type is int and getattr(config, name) > 1]


def _largest_value(engine: Engine, config: Config, name: str, allowed: float) -> int:
    def fits(value: int) -> bool:
        try:
            return estimate(engine, [config.replace(**{name: value})]) <= allowed
        except ConfigError:  # out of its bounds, or in contradiction with another knob
            return False

    return _largest(fits, getattr(config, name))


def _largest(fits: Callable[[int], bool], below: int) -> int:
    """Find the largest number from 1 to `below` that fits, by halving; 0 where none does."""
    low, high = 0, below
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def recording_bytes(engine: Engine, row: Mapping[str, int], steps: int, recorded: int = 0) -> int:
    """Bytes of all that is recorded in so many steps, beside rows that are there, from the bytes of all channels.

    Rows are copied where more of them are set aside: for a moment all are there twice. Of large channels, which are
    kept in single precision, every second row goes over a budget: for a moment half of them are there twice.
    """
    thin = {channel.name for channel in engine.channels if channel.thin}
    dense = sum(size for name, size in row.items() if name not in thin)
    large = sum(size for name, size in row.items() if name in thin) // 2
    kept = _budgeted(large, recorded + THIN.count(steps), THIN_CHANNELS)
    return 2 * int(dense * (recorded + Schedule().count(steps))) + min(2 * kept, max(kept, 3 * THIN_CHANNELS // 2))


def _budgeted(each: int, count: float, budget: int) -> int:
    """Bytes of what is thinned out over a budget, though the first and the newest always stay."""
    return max(2 * each, min(int(count * each), budget))
