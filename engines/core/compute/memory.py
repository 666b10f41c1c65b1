"""The memory that a run will take: its problem, copies of its state, checkpoints and what is recorded."""

from __future__ import annotations

from engines.core.compute import device as devices
from engines.core.compute.simulation import CHECKPOINT_BUDGET, Simulation
from engines.core.data.recording import BUDGET as THIN_CHANNELS
from engines.core.data.recording import Frame
from engines.core.data.schedule import THIN, Schedule
from engines.core.protocol.engine import Engine

COPIES = 3
"""States that are alive at once beside the one that the engine counts: the next, the last looked at, and the first."""


def require(simulation: Simulation, frame: Frame, steps: int) -> None:
    """Raise `ConfigError` where a simulation that has begun with `frame` would take too much until `steps`.

    Counted are the problem and the state as the engine estimates them, and as measured the copies of the state, the
    checkpoints and the rows recorded; those lie in the memory of the host.
    """
    state = simulation.nbytes()
    states = COPIES * state + _kept(state, THIN.count(steps), CHECKPOINT_BUDGET)
    rows = recorded(simulation.engine, frame, steps)
    if simulation.device.type == "cpu":
        return devices.require(simulation.estimate + states + rows, simulation.device)
    devices.require(simulation.estimate + states, simulation.device)
    devices.require(rows, devices.resolve("cpu"))


def recorded(engine: Engine, frame: Frame, steps: int) -> int:
    """Bytes of everything recorded up to a step, from one frame with all channels; rows are set aside in advance."""
    thin = {channel.name for channel in engine.channels if channel.thin}
    dense = sum(value.nbytes for name, value in frame.values.items() if name not in thin)
    large = sum(value.nbytes for name, value in frame.values.items() if name in thin) // 2  # kept in single precision
    return 2 * int(dense * Schedule().count(steps)) + _kept(large, THIN.count(steps), THIN_CHANNELS)


def _kept(each: int, count: float, budget: int) -> int:
    """Bytes of what is thinned out over a budget, though the first and the newest always stay."""
    return max(2 * each, min(int(count * each), budget))
