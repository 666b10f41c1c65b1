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
    frames: Callable[[], list[Frame] | None]
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
    sent: deque[Group] = deque()
    while simulation.step < stop or sent:
        if simulation.step < stop and not (sent and sent[-1].failure):
            sent.append(_sent(simulation, stop, together))
            if len(sent) <= behind and not sent[-1].failure:
                continue
        group = sent.popleft()
        found = group.frames()
        if found is None:
            sent.clear()
            simulation.return_to(group.start)
            yield from _one_by_one(simulation, group.stop)
        else:
            yield from zip(found, group.looks, strict=True)
        if group.failure:
            raise group.failure


def _one_by_one(simulation: Simulation, stop: int) -> Iterator[Looked]:
    while simulation.step < stop:
        if _advanced(simulation, stop):
            frame = simulation.observe()
            yield frame, simulation.look()


def _advanced(simulation: Simulation, stop: int) -> bool:
    """Advance to the next scheduled step, or to `stop`; return whether there is to be a frame."""
    simulation.advance(min(simulation.next_frame(), stop))
    return simulation.step in simulation.schedule or simulation.step in simulation.thin


def _sent(simulation: Simulation, stop: int, together: int) -> Group:
    """Walk past some scheduled steps and begin to observe them."""
    start, looks, failure = simulation.bookmark(), [], None
    stop = min(stop, start.step + WALK)
    try:
        while simulation.step < stop and len(looks) < together:
            if _advanced(simulation, stop):
                looks.append(simulation.look())
    except BaseException as error:
        failure = error
    return Group(start, simulation.step, looks, simulation.send(looks) if looks else list, failure)
