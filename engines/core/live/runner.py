"""The runner, owner of a live run: commands go in from any thread, frames come out in the recording.

Only the scheduler's thread touches the simulation; everything else goes through the queue of commands.
"""

from __future__ import annotations

import math
import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from engines.core.compute import device as devices
from engines.core.compute import memory
from engines.core.compute.checkpoints import Checkpoint, Checkpoints
from engines.core.compute.simulation import Simulation
from engines.core.compute.walk import frames
from engines.core.data.recording import Event
from engines.core.live.admission import ADMISSION
from engines.core.live.scheduler import Scheduler, shared
from engines.core.protocol.config import Config
from engines.core.protocol.edits import apply_edits
from engines.core.protocol.engine import Engine, Preset
from engines.core.protocol.errors import ConfigError, DynascopeError, EngineFailure, OutOfMemory, as_engine_failure
from engines.core.runs.live_edits import edit_run
from engines.core.runs.replay import replay_until, simulation_at_end
from engines.core.runs.run import Run


@dataclass(frozen=True)
class Status:
    """The state of a runner as a page shows it. `message` is a failure as a sentence, "" when all is well."""

    step: int = 0
    horizon: int = 1000
    playing: bool = False
    ready: bool = False
    rate: float = 0.0
    """Steps per second of compute, as measured."""
    message: str = ""
    refusal: str = ""
    """Why the last command was not carried out; the run is as it was, and goes on."""
    device: str = ""
    """The device that really computes steps; "" before that is known."""
    full: bool = False
    """Whether the memory of a GPU ran out: the run can go on where it is on another device."""


class Runner:
    """Plays one ensemble. All methods return at once; `status` and `run` say what has happened so far.

    `speed` is the number of scheduled frames shown per second (None: as fast as it goes): on a schedule that
    is logarithmic in the step, a constant frame rate moves evenly along a logarithmic axis.
    """

    def __init__(
        self,
        engine: Engine,
        configs: Sequence[Config],
        *,
        preset: Preset | None = None,
        horizon: int = 1000,
        speed: float | None = None,
        edits: Sequence[Event] = (),
        device: str = "auto",
        scheduler: Scheduler | None = None,
        finished: Run | None = None,
        until: float = math.inf,
    ) -> None:
        """Build the simulation and wait for commands; steps are computed up to the time `until`, by `time.monotonic`.

        `renew` sets a later time. With a `finished` run nothing is computed until somebody wants to go on; that run
        itself stays as it is.
        """
        self.run = finished.copy() if finished else Run(engine, configs, preset=preset, device=device)
        self.status = Status(horizon=horizon)
        self.speed = speed
        self._scheduler = scheduler or shared()
        self._commands: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._simulation: Simulation | None = None
        self._row: dict[str, int] = {}
        """Bytes of each channel in a row that is recorded, as of the first that was observed here."""
        self._checkpoints = Checkpoints()
        self._pending = list(edits)
        self._target = 0
        self._walking = False
        self._due = 0.0
        self._until = until
        self._closed = False
        if finished:
            self.run.checkpoint = finished.checkpoint
            self._update(step=int(self.run.steps[-1]), ready=True)
        else:
            self._send(self._build)

    @property
    def edits(self) -> tuple[Event, ...]:
        """All live edits of the run: those made so far, and those still to come."""
        return (*self.run.recording.events, *self._pending)

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The newest state that is saved; None where there is none yet."""
        return self._checkpoints.before(self.status.step) if self._simulation else None

    # -- commands, from any thread ---------------------------------------------------------------------------

    def play(self) -> None:
        """Run on to the horizon; at the horizon, ten times as far."""
        self._send(self._play)

    def pause(self) -> None:
        """Stop after the current chunk."""
        self._send(self._stop)

    def step(self, count: int = 1) -> None:
        """Take `count` steps and pause; asked again while stepping, take those as well."""
        self._send(partial(self._walk, count))

    def apply(self, *edits: Event) -> None:
        """Make live edits together, as `Experiment.edit` checked them, from the next step on, whatever their steps."""
        self._send(partial(self._apply, edits))

    def branch(self, step: int) -> None:
        """Go back to `step`, forget what came after, and pause: the next edit makes another future."""
        self._send(partial(self._branch, step))

    def move(self, device: str) -> None:
        """Go on from the current step on another device."""
        self._send(partial(self._move, device))

    def renew(self, until: float) -> None:
        """Compute up to the time `until`, by `time.monotonic`: whoever watches renews it, and need not say goodbye."""
        ended = time.monotonic() >= self._until
        self._until = until
        if ended:
            self._scheduler.request(self)

    def close(self) -> None:
        """Stop computing for good; what was recorded stays readable."""
        self._closed = True
        self._scheduler.request(self)

    # -- the scheduler's thread ------------------------------------------------------------------------------

    def work(self, seconds: float) -> float | None:
        """Obey the commands, then compute for about `seconds`. Returns when to be called again."""
        try:
            with memory.advised(self.run.engine, self.run.configs, devices.resolve_or_cpu(self.run.device)):
                return self._work(time.monotonic() + seconds)
        except DynascopeError as error:
            self._fail(str(error))
            on_gpu = self._simulation is not None and "cuda" in self._simulation.devices
            self._update(full=on_gpu and isinstance(error, OutOfMemory))
        except BaseException as error:  # also SystemExit and KeyboardInterrupt: this thread serves everybody's runs
            self._fail(str(as_engine_failure(self.run.engine.title, error)))
        # A command that fails must not hold up those behind it.
        return None if self._commands.empty() else time.monotonic()

    def _work(self, deadline: float) -> float | None:
        while not self._commands.empty() and not self._closed:
            self._obey(self._commands.get())
        if self._closed:
            self._simulation, self._checkpoints = None, Checkpoints()
            ADMISSION.release(self)
            return None
        if not self.status.playing or self._simulation is None or time.monotonic() >= self._until:
            return None
        return self._advance(self._simulation, min(deadline, self._until))

    def _obey(self, command: Callable[[], None]) -> None:
        """Carry out a command; one that is refused changes nothing of a run that is there."""
        try:
            command()
        except ConfigError as error:
            if not self.status.ready:
                raise
            self._update(refusal=str(error))
            self._release_unbuilt()
        else:
            self._update(refusal="")

    def _advance(self, simulation: Simulation, deadline: float) -> float | None:
        """Take chunks until the deadline, a command, or the frame after which the speed asks to wait."""
        while (now := time.monotonic()) < deadline and self._commands.empty():
            if now < self._due:
                return self._due
            if due := [edit for edit in self._pending if edit.step <= simulation.step]:
                self._edit(due)
                del self._pending[: len(due)]
            before = simulation.step
            recorded = self._record(simulation, self._chunk(simulation, deadline - now))
            simulation.wait()  # or only the orders to a GPU would be timed
            self._measure(simulation.step - before, time.monotonic() - now)
            if recorded and self.speed:
                self._due = now + 1 / self.speed
            if simulation.step >= self._target or (simulation.diverged_at >= 0).all():
                return self._stop()
        return time.monotonic()

    def _chunk(self, simulation: Simulation, seconds: float) -> int:
        """Return where this chunk ends: never the reason for a frame, only for a pause."""
        steps = max(1, int(self.status.rate * seconds))
        stop = simulation.next_frame() if self.speed else self._target
        edit = self._pending[0].step if self._pending else self._target
        return min(simulation.step + steps, stop, edit, self._target)

    def _record(self, simulation: Simulation, stop: int) -> bool:
        """Take steps and record them. After an error the simulation is where the record ends: it may be ahead of it."""
        start, diverged_at, last = simulation.bookmark(), simulation.diverged_at.copy(), None
        try:
            for frame, state in frames(simulation, stop):
                self.run.recording.append(frame, self.run.thin)
                self._checkpoints.save_if_due(state)
                last = state
        except BaseException:
            if last:
                simulation.restore(last)
            else:
                simulation.return_to(start)
                simulation.set_diverged(diverged_at)  # who diverged since then does so again
            self._update(step=simulation.step)
            raise
        finally:
            self.run.diverged_at = simulation.diverged_at.copy()
        return last is not None

    def _measure(self, steps: int, seconds: float) -> None:
        fresh = steps / max(seconds, 1e-6)
        rate = 0.8 * self.status.rate + 0.2 * fresh if self.status.rate else fresh
        self._update(step=self._current_step(), rate=rate)

    def _current_step(self) -> int:
        return self._simulation.step if self._simulation else 0

    def _require_simulation(self) -> Simulation:
        if self._simulation is None and len(self.run):
            self._simulation = self._resimulate()
        if self._simulation is None:
            raise EngineFailure(self.status.message or "the run has not been built")
        return self._simulation

    def _resimulate(self) -> Simulation:
        """Compute the steps of a run that was recorded elsewhere once more, up to its end."""
        device = devices.resolve_or_cpu(self.run.device)
        ADMISSION.estimate(self, self.run.engine, self.run.initial_configs, device)
        origin = max((event.step for event in self.run.recording.events), default=0)

        def started(simulation: Simulation) -> None:
            self._row = memory.row_bytes(simulation.observe())
            self._admit(simulation, origin, max(self.status.horizon, int(self.run.steps[-1])))
            self.run.device = str(simulation.device)
            self._update(device=simulation.devices)
            self._checkpoints.save_if_due(simulation.checkpoint())

        simulation = simulation_at_end(self.run, started)
        self._checkpoints.save_if_due(simulation.checkpoint())
        return simulation

    def _update(self, **changes: Any) -> None:
        self.status = replace(self.status, **changes)

    def _fail(self, message: str) -> None:
        self._update(message=message, playing=False)
        self._release_unbuilt()

    def _release_unbuilt(self) -> None:
        """Take nothing where the simulation could not be built."""
        if self._simulation is None:
            ADMISSION.release(self)

    def _send(self, command: Callable[[], None]) -> None:
        self._commands.put(command)
        self._scheduler.request(self)

    # -- commands, as the scheduler's thread carries them out ------------------------------------------------

    def _build(self) -> None:
        device = devices.resolve(self.run.device)
        self.run.device = str(device)  # what is stored says where it was computed
        ADMISSION.estimate(self, self.run.engine, self.run.configs, device)
        simulation = Simulation(self.run.engine, self.run.configs, device)
        first = simulation.observe()
        self._row = memory.row_bytes(first)
        self._admit(simulation, 0, self.status.horizon)
        self._simulation = simulation
        self.run.recording.append(first, self.run.thin)
        self.run.diverged_at = self._simulation.diverged_at.copy()
        self._checkpoints.save_if_due(self._simulation.checkpoint())
        self._update(step=0, ready=True, message="", device=self._simulation.devices)

    def _admit(self, simulation: Simulation, origin: int, horizon: int, device: torch.device | None = None) -> None:
        """Ask for what will be recorded up to a horizon on a schedule that begins at `origin`. Raises `ConfigError`."""
        before = len(self.run.recording.until(origin).dense)
        ADMISSION.measure(self, simulation, self.run.configs, self._row, max(0, horizon - origin), before, device)

    def _move(self, name: str) -> None:
        """Take the state to another device. The steps so far stay as they were recorded."""
        before, device = self._require_simulation(), devices.resolve(name)
        with ADMISSION.attempt(self):
            self._admit(before, before.schedule.origin, self.status.horizon, device)
            moved = Simulation(self.run.engine, self.run.initial_configs, device)
            moved.restore(before.checkpoint())
        self._simulation, self.run.device = moved, str(device)
        self._update(message="", full=False, device=moved.devices)

    def _record_now(self) -> None:
        """Record the newest step, on the schedule or not: it is always shown."""
        simulation = self._require_simulation()
        self.run.recording.append(simulation.observe(), self.run.thin)
        self.run.diverged_at = simulation.diverged_at.copy()

    def _play(self) -> None:
        simulation = self._require_simulation()
        at = self._current_step()
        self._go(simulation, self.status.horizon if at < self.status.horizon else 10 * at, False)

    def _stop(self) -> None:
        if self._simulation is not None:
            self._record_now()
        self._update(playing=False)  # last: whoever reads that it stands still finds its last row

    def _walk(self, count: int) -> None:
        simulation = self._require_simulation()
        start = self._target if self._walking and self.status.playing else self._current_step()
        self._go(simulation, start + count, True)

    def _go(self, simulation: Simulation, target: int, walking: bool) -> None:
        if target > self.status.horizon:
            self._admit(simulation, simulation.schedule.origin, target)
        self._forget_future()
        self._target, self._walking = target, walking
        self._update(message="", playing=True, horizon=max(self.status.horizon, target))

    def _apply(self, edits: Sequence[Event]) -> None:
        self._edit(edits)
        self._pending.clear()  # whoever turns a knob makes a future of their own
        self._update(message="")

    def _edit(self, edits: Sequence[Event]) -> None:
        simulation = self._require_simulation()
        self._admit(simulation, self._current_step(), self.status.horizon)
        self._forget_future()
        edit_run(self.run, simulation, [replace(edit, step=self._current_step()) for edit in edits])
        self.run.diverged_at = simulation.diverged_at.copy()
        self._checkpoints.save_if_due(simulation.checkpoint())

    def _seek(self, step: int) -> None:
        simulation = self._require_simulation()
        step = min(max(0, step), int(self.run.steps[-1]))
        self._update(playing=False)
        simulation.restore(self._checkpoints.before(step))
        replay_until(self.run, simulation, step, range(len(self.run.initial_configs)))
        self._update(step=step)

    def _branch(self, step: int) -> None:
        self._seek(step)
        self._forget_future()

    def _forget_future(self) -> None:
        """Forget what lies after the current step: a future that is played again must not stay beside the old one."""
        steps, step = self.run.steps, self._current_step()
        if len(steps) and steps[-1] > step:
            # The rows go last: who finds them gone has the knobs of those that stay.
            self.run.configs = apply_edits(self.run.initial_configs, self.run.recording.until(step).events)
            self.run.probe_results = {}
            self._checkpoints.forget(step)
            self.run.recording.truncate(step)
