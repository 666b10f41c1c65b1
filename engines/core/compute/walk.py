"""The frames of a simulation on its way, and the states there; those of several steps are observed at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from engines.core.compute.checkpoints import Bookmark, Checkpoint
from engines.core.compute.simulation import Simulation
from engines.core.data.recording import Frame

WALK = 256
"""Steps after which looks wait for no others: where they lie so far apart, observing one costs little beside them."""

Looked = tuple[Frame, Checkpoint]
"""A frame, and the state that it shows."""


class Group(NamedTuple):
    """Looks that are observed at once."""

    start: Bookmark
    stop: int
    looks: list[Checkpoint]
    result: Callable[[], list[Frame] | None]
    """Waits for their frames; None where they have to be observed one by one."""
    failure: BaseException | None
    """The error that ended the walk early, raised when what was seen before is recorded."""


def frames(simulation: Simulation, stop: int) -> Iterator[Looked]:
    """Advance to `stop`, yielding a frame of each scheduled step on the way; the simulation may be ahead of it.

    What is observed on a GPU comes to the host while the next steps are computed, and is read after them.
    """
    together = min(batch.looks.most for batch in simulation.batches)
    behind = int(any(batch.device.type == "cuda" for batch in simulation.batches))
    if together == 1 and not behind:
        yield from _one_by_one(simulation, stop)
        return
    ahead: deque[Group] = deque()
    while simulation.step < stop or ahead:
        if simulation.step < stop and not (ahead and ahead[-1].failure):
            ahead.append(_group(simulation, stop, together))
            if len(ahead) <= behind and not ahead[-1].failure:
                continue
        group = ahead.popleft()
        found, failure = group.result(), group.failure
        if found is None:
            failure = _interrupt(group, *ahead)
            ahead.clear()
            simulation.return_to(group.start)
            yield from _one_by_one(simulation, group.stop)
        else:
            yield from zip(found, group.looks, strict=True)
        if failure:
            raise failure


def _interrupt(*groups: Group) -> BaseException | None:
    """Find what does not come again where groups are walked again, as errors of an engine do."""
    return next((one.failure for one in groups if one.failure and not isinstance(one.failure, Exception)), None)


def _one_by_one(simulation: Simulation, stop: int) -> Iterator[Looked]:
    while simulation.step < stop:
        if _advanced(simulation, stop):
            frame = simulation.observe()
            yield frame, simulation.look()


def _advanced(simulation: Simulation, stop: int) -> bool:
    """Advance to the next scheduled step, or to `stop`; return whether there is to be a frame."""
    simulation.advance(min(simulation.next_frame(), stop))
    return simulation.step in simulation.schedule or simulation.step in simulation.schedule.thin


def _group(simulation: Simulation, stop: int, together: int) -> Group:
    """Walk past some scheduled steps and begin to observe them."""
    start = simulation.bookmark()
    looks, failure = _noted(simulation, min(stop, start.step + WALK), together)
    try:
        result = simulation.send(looks) if looks else list
    except BaseException as error:
        simulation.return_to(start)
        return Group(start, start.step, [], list, failure or error)
    return Group(start, simulation.step, looks, result, failure)


def _noted(simulation: Simulation, stop: int, together: int) -> tuple[list[Checkpoint], BaseException | None]:
    """Walk past some scheduled steps; return looks at them, and the error that ended the walk early."""
    looks = []
    try:
        while simulation.step < stop and len(looks) < together:
            if _advanced(simulation, stop):
                looks.append(simulation.look())
    except BaseException as error:
        return looks, error
    return looks, None
