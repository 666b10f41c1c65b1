"""Simulations: the state of an ensemble, how it advances, and checkpoints to come back to.

One thread at a time owns a simulation. Nothing in it depends on the clock.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines.core.compute import device as devices
from engines.core.compute.arithmetic import without_gradients
from engines.core.compute.channel_check import check_channels
from engines.core.compute.checkpoints import Bookmark, Checkpoint
from engines.core.compute.cuda_graph import CapturedSteps
from engines.core.compute.device import Transfer
from engines.core.compute.heap import keep_freed_memory
from engines.core.compute.looks import Looks
from engines.core.compute.slabs import Slabs
from engines.core.compute.states import all_finite, chosen, finite_members
from engines.core.data.recording import Frame
from engines.core.data.schedule import Schedule
from engines.core.protocol.config import Config
from engines.core.protocol.engine import Engine
from engines.core.protocol.errors import DynascopeError, EngineFailure, engine_failures, message_of

CPU = torch.device("cpu")

FINITE = ""
"""Stands among the names of channels, and is none, for whether all members are finite, `[]`."""

LOSS = "loss"
"""The channel that is finite for as long as a member is, where an engine has it."""


class Batch:
    """Members that share all `shape` knobs: one problem, one state with a leading member axis."""

    def __init__(self, engine: Engine, configs: Sequence[Config], members: list[int], device: torch.device) -> None:
        self.engine, self.members = engine, members
        self.device = device = engine.place(configs, device)
        self.problem = engine.problem(configs, device)
        self.knobs = {name: self._tensor(configs, name) for name in _numeric(engine.Config)}
        self.state = engine.init(configs, self.problem)
        self._slabs = Slabs(engine, self.problem, self.state)
        self.looks = Looks(engine, self.problem, self.state)
        self.diverged = torch.zeros(len(members), dtype=torch.bool, device=device)
        self._any_diverged = self._all_diverged = False
        self.checked = self.state
        self.captured: CapturedSteps | None = None
        self._to_capture = device.type == "cuda" and engine.capturable(self.problem)
        self._sizes: dict[str, torch.Size] = {}

    def _tensor(self, configs: Sequence[Config], name: str) -> Tensor:
        values = [float(getattr(config, name)) for config in configs]
        return torch.tensor(values, dtype=devices.widest_real(self.device), device=self.device)

    def _steps(self, state: Any, knobs: Any, count: int) -> Any:
        return self.engine.steps(self.problem, state, knobs, count)

    def advance(self, count: int) -> None:
        """Take `count` steps; none where all members have diverged."""
        if self._all_diverged:
            return
        if self._to_capture:
            self._capture()
        if self.captured:
            self.state = self.captured(self.state, self.knobs, count)
        else:
            self.state = self._advanced(self.state, count)

    def _advanced(self, state: Any, count: int) -> Any:
        frozen = self.diverged if self._any_diverged else None
        return self._slabs.advance(self.engine.steps, state, self.knobs, count, frozen)

    def _capture(self) -> None:
        """Capture the step once and for all; where that fails, the plain loop does the same, only slower."""
        self._to_capture = False
        try:
            self.captured = CapturedSteps(self._steps, self.state, self.knobs)
        except RuntimeError as error:
            devices.give_back()
            said = message_of(error)
            logging.getLogger(__name__).warning("%s is computed without a graph: %s", self.engine.title, said)

    def channels(self, states: Sequence[Any], thin: Sequence[int]) -> dict[str, Tensor]:
        """Observe all channels in T states, `[T, B, *dims]`, and those that are thin in the states at some places.

        Raises `EngineFailure` for channels that are not as declared.
        """
        values = self.looks.channels(states, self.knobs)
        if thin:
            values |= self._snapshots([states[place] for place in thin])
        for name, value in values.items():
            if self._sizes.setdefault(name, value.shape[1:]) != value.shape[1:]:
                raise EngineFailure(f"{self.engine.title}: the channel {name} changed its shape on the way")
        return values

    def _snapshots(self, states: Sequence[Any]) -> dict[str, Tensor]:
        """All thin channels in some states, `[T, B, *dims]`."""
        engine, members = self.engine, len(self.members)
        given = [check_channels(engine, engine.snapshot(self.problem, state, self.knobs), members, True)
                 for state in states]  # fmt: skip
        return {name: torch.stack([one[name] for one in given]) for name in given[0]}

    def freeze(self) -> None:
        """Take members that are known to have diverged back to where they were looked at last."""
        if self.state is self.checked:  # a copy would be another object, which a captured graph takes in again
            return
        if self._any_diverged:
            self.state = chosen(self.diverged, self.checked, self.state)
        self.checked = self.state

    def freeze_diverged(self, count: int) -> dict[int, int]:
        """Freeze members that diverged within the last `count` steps: {member: steps after the last call}."""
        diverged: dict[int, int] = {}
        if self.device.type != "cpu" or not all_finite(self.state):
            fresh = ~finite_members(self.state) & ~self.diverged
            diverged = self._replay(fresh, count) if bool(fresh.any()) else {}
        self.freeze()
        return diverged

    def within(self, states: Sequence[Any]) -> Tensor:
        """Whether all members are within the finite numbers in some states `[B, *]`, `[]`."""
        together = type(states[0])(*map(torch.stack, zip(*states, strict=True))) if len(states) > 1 else states[0]
        return torch.tensor(all_finite(together)) if self.device.type == "cpu" else finite_members(together).all()

    def _replay(self, fresh: Tensor, count: int) -> dict[int, int]:
        """Walk again, a step at a time, to the step at which each fresh member left the finite numbers."""
        steps_after: dict[int, int] = {}
        state = last = self.checked
        for after in range(1, count + 1):
            state = self._advanced(state, 1)
            gone = fresh & ~self.diverged & ~finite_members(state)
            self.diverged = self.diverged | gone
            last = chosen(fresh & ~self.diverged, state, last)
            steps_after |= {self.members[int(index)]: after for index in gone.nonzero().flatten()}
        self.checked, self._any_diverged, self._all_diverged = last, True, bool(self.diverged.all())
        return steps_after

    def set_diverged(self, diverged: np.ndarray) -> None:
        """Freeze the members `[B]` that are marked."""
        self._any_diverged, self._all_diverged = bool(diverged.any()), bool(diverged.all())
        self.diverged = torch.tensor(diverged, device=self.device)

    def restore(self, state: Any, knobs: Mapping[str, Tensor]) -> None:
        """Come back to a state of tensors `[B, *]` and knobs `[B]`, from whatever device they are."""
        self.state = self.checked = type(state)(*(value.to(self.device) for value in state))
        self.knobs = {name: value.to(self.device) for name, value in knobs.items()}

    def set(self, name: str, values: Sequence[float]) -> None:
        """Give a live knob one value a member."""
        knob = self.knobs[name]
        self.knobs = self.knobs | {name: torch.tensor(values, dtype=knob.dtype, device=knob.device)}


class Simulation:
    """An ensemble of any configurations: one batch for each combination of `shape` knobs, in lockstep."""

    @without_gradients
    def __init__(self, engine: Engine, configs: Sequence[Config], device: torch.device) -> None:
        keep_freed_memory()
        devices.multiply_in_full(device)
        self.engine, self.device, self.size = engine, device, len(configs)
        self.step = 0
        self.schedule = Schedule()
        self.diverged_at = np.full(len(configs), -1)
        self._checked = 0
        self._has_loss: np.ndarray | None = None
        with engine_failures(engine.title), devices.current(device):
            self.estimate = sum(engine.nbytes(group) for group in group_by_shape(configs).values())
            """Bytes that the problems and the states take, as the engine says."""
            for place in {CPU, device}:  # what a GPU computes is drawn on the host
                devices.require_bytes(self.estimate, place)
            self.batches = [
                Batch(engine, group, [i for i, config in enumerate(configs) if config.shape_key() == key], device)
                for key, group in group_by_shape(configs).items()
            ]

    @property
    def devices(self) -> str:
        """The devices that compute the batches: an engine may leave on the processor what is too small for a GPU."""
        return ", ".join(sorted({str(batch.device) for batch in self.batches}))

    def nbytes(self) -> int:
        """Count the bytes of the states of all members."""
        return sum(value.nbytes for batch in self.batches for value in batch.state)

    def next_frame(self) -> int:
        """Return the step of the next scheduled frame."""
        return min(self.schedule.next(self.step), self.schedule.thin.next(self.step))

    @without_gradients
    def advance(self, stop: int) -> None:
        """Take all steps up to `stop`, observing nothing. Where one batch fails, none has moved."""
        before = [batch.state for batch in self.batches]
        try:
            for batch in self.batches:
                with engine_failures(self.engine.title), devices.current(batch.device):
                    batch.advance(stop - self.step)
        except BaseException:
            for batch, state in zip(self.batches, before, strict=True):
                batch.state = state
            raise
        self.step = stop

    def wait(self) -> None:
        """Wait until the steps that were taken are computed: a GPU is told of them only."""
        with engine_failures(self.engine.title):
            for batch in self.batches:
                devices.synchronise(batch.device)

    @without_gradients
    def freeze_diverged(self) -> None:
        """Find the members that diverged since the last call, freeze them, note the step at which they did."""
        for batch in self.batches:
            with engine_failures(self.engine.title), devices.current(batch.device):
                for member, after in batch.freeze_diverged(self.step - self._checked).items():
                    self.diverged_at[member] = self._checked + after
        self._checked = self.step

    @without_gradients
    def observe(self) -> Frame:
        """Record all channels now: NaN for members that have diverged, and around those of smaller shapes."""
        self.freeze_diverged()
        looks = [self.look()]
        values, _ = self._received(self._on_the_way(looks, False))
        if LOSS in values:
            self._mark_lost(values[LOSS][0])
        return self._as_frames(looks, values)[0]

    def look(self) -> Checkpoint:
        """Note the state at this step to be observed with others, before it is known whether a member diverges there.

        Where one does, what was noted is void: `return_to` a place before it.
        """
        for batch in self.batches:
            with engine_failures(self.engine.title), devices.current(batch.device):
                batch.freeze()
        self._checked = self.step
        batches = tuple((batch.state, batch.knobs) for batch in self.batches)
        return Checkpoint(self.step, self.schedule, self.diverged_at.copy(), batches)

    @without_gradients
    def send(self, looks: Sequence[Checkpoint]) -> Callable[[], list[Frame] | None]:
        """Begin to observe looks that were noted one after another; return what waits for their frames.

        It gives None where a member diverged at one of them, or they cannot be observed, perhaps because of that.
        """
        try:
            transfers = self._on_the_way(looks, True)
        except DynascopeError:
            return lambda: None

        def result() -> list[Frame] | None:
            values, finite = self._received(transfers)
            lost = LOSS in values and self._lost(values[LOSS]).any()
            return self._as_frames(looks, values) if finite and not lost else None

        return result

    def _on_the_way(self, looks: Sequence[Checkpoint], check: bool) -> list[Transfer]:
        """Channels of some looks on their way to the host, a batch each; where asked, with whether all is finite."""
        thin = [place for place, look in enumerate(looks) if look.step in self.schedule.thin]
        transfers = []
        for number, batch in enumerate(self.batches):
            states = [look.batches[number][0] for look in looks]
            with engine_failures(self.engine.title), devices.current(batch.device):
                finite = {FINITE: batch.within(states)} if check else {}
                transfers.append(Transfer(batch.channels(states, thin) | finite))
        return transfers

    def _received(self, transfers: Sequence[Transfer]) -> tuple[dict[str, np.ndarray], bool]:
        """Channels of all members, `[T, B, *dims]`, and whether all are finite, as far as that was asked."""
        with engine_failures(self.engine.title):
            parts = [(batch.members, sent.result()) for batch, sent in zip(self.batches, transfers, strict=True)]
        finite = all([bool(part.pop(FINITE, True)) for _, part in parts])
        return {name: _merge(name, parts, self.size) for name in parts[0][1]}, finite

    def _as_frames(self, looks: Sequence[Checkpoint], values: Mapping[str, np.ndarray]) -> list[Frame]:
        """The frame of each look, from channels `[T, B, *dims]`; thin ones have the looks that are due."""
        rows = {name: iter(value) for name, value in values.items()}
        thin = {channel.name for channel in self.engine.channels if channel.thin}
        made = []
        for look in looks:
            due = look.step in self.schedule.thin
            now = {name: next(row) for name, row in rows.items() if due or name not in thin}
            gone = (self.diverged_at >= 0) & (self.diverged_at <= look.step)
            made.append(Frame(look.step, {n: _blanked(v, gone) for n, v in now.items()} if gone.any() else now))
        return made

    def _lost(self, losses: np.ndarray) -> np.ndarray:
        """Members `[*, B]` whose loss was a number and is none any more, though their state may be finite."""
        if self._has_loss is None:  # where it does not apply it is NaN from the first frame on
            self._has_loss = ~np.isnan(losses.reshape(-1, self.size)[0])
        return self._has_loss & ~np.isfinite(losses) & (self.diverged_at < 0)

    def _mark_lost(self, losses: np.ndarray) -> None:
        """Mark members that are lost at this step, by their losses `[B]`, as diverged."""
        lost = self._lost(losses)
        if lost.any():
            self.set_diverged(np.where(lost, max(self.step, 1), self.diverged_at))

    def set_diverged(self, diverged_at: np.ndarray) -> None:
        """Set the step at which each member diverged (-1: it did not), `[B]`, and freeze those that did."""
        self.diverged_at[:] = diverged_at
        for batch in self.batches:
            batch.set_diverged(self.diverged_at[batch.members] >= 0)

    def set(self, name: str, values: Sequence[float]) -> None:
        """Give a live knob one value a member, from the next step on; the schedule starts again here."""
        self.freeze_diverged()
        for batch in self.batches:
            batch.set(name, [float(values[member]) for member in batch.members])
        self.schedule = Schedule(self.step)

    def checkpoint(self) -> Checkpoint:
        """Save what is needed to come back to this step."""
        self.freeze_diverged()
        return self.look()

    def bookmark(self) -> Bookmark:
        """Note where the simulation is, before looks are noted that may turn out to be void."""
        return Bookmark(self.step, self._checked, [(batch.state, batch.checked) for batch in self.batches])

    def return_to(self, place: Bookmark) -> None:
        """Come back to a place between which and now no knob was turned and no member marked as diverged."""
        self.step, self._checked = place.step, place.checked
        for batch, states in zip(self.batches, place.states, strict=True):
            batch.state, batch.checked = states

    def restore(self, saved: Checkpoint) -> None:
        """Come back to a checkpoint of this simulation, or of the same one on another device."""
        self.step = self._checked = saved.step
        self.schedule = saved.schedule
        for batch, (state, knobs) in zip(self.batches, saved.batches, strict=True):
            batch.restore(state, knobs)
        self.set_diverged(saved.diverged_at)


def group_by_shape(configs: Sequence[Config]) -> dict[Any, list[Config]]:
    """Group members by their `shape` knobs: each group is a batch."""
    groups: dict[Any, list[Config]] = {}
    for config in configs:
        groups.setdefault(config.shape_key(), []).append(config)
    return groups


def _numeric(kind: type[Config]) -> list[str]:
    return [name for name, knob in kind.knobs().items() if knob.role != "shape" and knob.type is not str]


def _blanked(value: np.ndarray, gone: np.ndarray) -> np.ndarray:
    """A channel `[B, *]` without the members that are gone; the array itself may be the state's."""
    return np.where(gone.reshape(-1, *[1] * (value.ndim - 1)), np.nan, value)


def _merge(name: str, parts: list[tuple[list[int], dict[str, np.ndarray]]], size: int) -> np.ndarray:
    """A channel `[T, B, *]` of several batches as one of all members, NaN around those of smaller shapes."""
    values = [part[name] for _, part in parts]
    if len(values) == 1:
        return values[0]
    shape = np.max([value.shape[2:] for value in values], axis=0).astype(int) if values[0].ndim > 2 else ()
    merged = np.full((len(values[0]), size, *shape), np.nan)
    for (members, _), value in zip(parts, values, strict=True):
        merged[(slice(None), members, *(slice(0, extent) for extent in value.shape[2:]))] = value
    return merged
