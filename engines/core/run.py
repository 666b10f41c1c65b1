"""A run: what was configured, what was observed, and what can be concluded. Live and finished runs are alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engines.core.config import Config
from engines.core.engine import Engine, Preset, Story, Verdict
from engines.core.errors import ConfigError, EngineFailure, guarded, quoted
from engines.core.options import checked
from engines.core.probing import Part, parts
from engines.core.recording import Recording

if TYPE_CHECKING:
    import xarray


class Run:
    """An ensemble's configurations with everything recorded of it.

    Attributes
    ----------
    configs : the configuration of each member as live edits left it, `[B]`
    openings : the configuration with which each member began, `[B]`
    recording : the frames
    diverged_at : the step at which each member left the finite numbers, -1 where it did not, `[B]`
    abandoned : set where nobody waits any longer for what is being computed of the run
    outcomes : what the probes of the preset found, by probe and member
    notes : sentences about what the run cannot show, and about values that change nothing
    device : where it is computed, or was
    """

    abandoned = False
    notes: tuple[str, ...] = ()

    def __init__(self, engine: Engine, configs: Sequence[Config], *, preset: Preset | None = None, device: str = "cpu"):
        self.engine, self.preset, self.device = engine, preset, device
        self.configs: list[Any] = list(configs)  # of the engine's own kind
        self.openings = tuple(configs)
        self.recording = Recording()
        self.diverged_at = np.full(len(configs), -1)
        self.thin = frozenset(channel.name for channel in engine.channels if channel.thin)
        self.outcomes: dict[tuple[str, int], Mapping[str, Any]] = {}

    @property
    def steps(self) -> np.ndarray:
        """Observed steps `[T]`."""
        return self.recording.dense.steps

    def __getitem__(self, channel: str) -> np.ndarray:
        """All values of a channel, `[T, B, *dims]` (thin channels have fewer rows); NaN once a member has diverged.

        Raises `UnknownName` for one that does not exist, `ConfigError` for one that is not recorded.
        """
        self._require(channel)
        return self.recording.series(channel)[channel]

    def _require(self, *channels: str) -> None:
        for channel in channels:
            if channel not in self.recording.series(channel).names:
                self.engine.channel(channel)
                raise ConfigError(f"the channel {channel} is not recorded in this run of {len(self)} frames")

    def __len__(self) -> int:
        return len(self.recording.dense)

    def curve(self, channel: str, member: int) -> tuple[np.ndarray, np.ndarray]:
        """Steps and values of one member, up to where it diverged."""
        steps, values = self.curves(member, channel)
        return steps, values

    def curves(self, member: int, *channels: str) -> tuple[np.ndarray, ...]:
        """Steps and several channels of one member (all dense or all thin), up to where it diverged."""
        self._require(*channels)
        member = self._member(member)
        steps, *values = self.recording.series(channels[0]).read(*channels)
        end = self.diverged_at[member]
        size = int(np.searchsorted(steps, end)) if end >= 0 else len(steps)
        return steps[:size], *(value[:size, member] for value in values)

    def final(self, member: int) -> dict[str, float]:
        """The last value of each scalar channel of one member; NaN where it diverged."""
        member = self._member(member)
        scalars = [channel.name for channel in self.engine.channels if not channel.dims]
        return {name: float(self[name][-1, member]) for name in scalars}

    def where(self, **values: Any) -> list[int]:
        """The members whose knobs have these values. Raises `UnknownName`."""
        for name in values:
            self.engine.Config.knob(name)
        return [i for i, c in enumerate(self.configs) if all(getattr(c, k) == v for k, v in values.items())]

    def config(self, member: int, step: int) -> Any:
        """The configuration of one member at `step`, with the live edits made until then."""
        events = [event for event in self.recording.events if event.step <= step and member in event.members]
        return self.openings[member].replace(**{event.knob: event.value for event in events})

    def until(self, step: int) -> Run:
        """The run as it was at `step`: what is recorded or edited later, even from now on, does not show in it."""
        seen = Run(self.engine, self.openings, preset=self.preset, device=self.device)
        seen.recording = self.recording.until(step)
        seen.configs = [seen.config(member, step) for member in range(len(self.openings))]
        seen.diverged_at = np.where(self.diverged_at > step, -1, self.diverged_at)
        return seen

    def copy(self) -> Run:
        """The run as it is now; what is done to either does not show in the other. No recorded number is copied."""
        found = self.until(int(self.steps[-1]))
        found.outcomes, found.notes = dict(self.outcomes), self.notes
        return found

    @property
    def finished(self) -> bool:
        """Whether the run is as long as its preset's, and the probes on which its claims rest are computed."""
        if not (self.preset and len(self) and self.steps[-1] >= self.preset.steps):
            return False
        members = range(len(self.configs))
        return all((name, member) in self.outcomes for name in self.preset.probes for member in members)

    def judged(self) -> list[Verdict]:
        """The claims of the run's preset; none without a preset.

        What a run that goes on cannot tell yet is undecided; what had not happened when it finished does not hold.
        """
        found = self._judged() if self.preset and len(self) else []
        return [replace(one, holds=False) if one.holds is None and self.finished else one for one in found]

    def _judged(self) -> list[Verdict]:
        """The claims, as the preset judges them; none where members of another kind leave nothing to judge by."""
        assert self.preset
        try:
            with guarded(self.engine.title):
                return self.preset.judge(self)
        except EngineFailure:
            if not self.altered:
                raise
            said = f"the claims of {self.preset.name} cannot be judged by these members, which are not its own"
            self.notes = (*(note for note in self.notes if note != said), said)
            return []

    @property
    def altered(self) -> bool:
        """Whether the members are not those of the run's preset."""
        from engines.core.ensemble import Experiment

        return self.preset is not None and list(self.openings) != Experiment.of(self.engine, self.preset).configs()

    @property
    def verdicts(self) -> list[dict[str, Any]]:
        """What `judged` says, as JSON objects."""
        return [verdict.to_dict() for verdict in self.judged()]

    def story(self, member: int = 0) -> Story:
        """Tell what there is to see of a member; of one that diverged, that it did, and what was there before."""
        at = int(self.diverged_at[self._member(member)])
        with guarded(self.engine.title):
            if at < 0:
                return self.engine.story(self, member)
            before = self.engine.story(self.until(at - 1), member)
        said = f"It **diverged** at step {at}; what follows is about the steps before."
        return replace(before, text=f"{said}\n{before.text}")

    def probe(
        self, name: str, member: int = 0, step: int = -1, *, watch: Callable[[Part], None] | None = None, **chosen: Any
    ) -> Mapping[str, Any]:
        """Compute an expensive observable of one member at a step (-1: the newest).

        The probe sees the run as it was then, so that it may be computed beside a run that goes on. `watch` is shown
        what is known on the way. Raises `UnknownName` or `ConfigError` for a probe, an option, a member or a step that
        does not exist, and `EngineFailure` where it cannot be computed.
        """
        probe, member = self.engine.probe(name), self._member(member)
        last = int(self.steps[-1]) if len(self) else -1
        step = last if step == -1 else _within("step", step, last)
        part = Part(0.0, {})
        for part in parts(probe, self.until(step), member, step, checked(probe, chosen)):
            if watch:
                watch(part)
        return part.values

    def summary(self) -> dict[str, Any]:
        """The whole outcome as one JSON object."""
        return {
            "engine": self.engine.name,
            "steps": int(self.steps[-1]),
            "members": [self._outcome(index) for index in range(len(self.configs))],
            "verdicts": self.verdicts,
        }

    def _member(self, member: int) -> int:
        return _within("member", member, len(self.configs) - 1)

    def _outcome(self, index: int) -> dict[str, Any]:
        at = int(self.diverged_at[index])
        status = {"status": "ok", "diverged_at": None} if at < 0 else {"status": "diverged", "diverged_at": at}
        return {"config": dict(self.configs[index]), **status, "final": self.final(index)}

    def __repr__(self) -> str:
        """Describe in a few lines what was run and how far.

        >>> import engines
        >>> engines.run("matrix_sensing", set={"k": [4, 5]}, steps=200)
        <Run of matrix_sensing: 2 members (k), 200 steps in 163 frames, on cpu>
        """
        first, steps = self.configs[0], int(self.steps[-1]) if len(self) else 0
        varied = [name for name, value in first if any(getattr(config, name) != value for config in self.configs)]
        what = f"{self.engine.name}, {self.preset.name}" if self.preset else self.engine.name
        members = f"{len(self.configs)} member" + "s" * (len(self.configs) > 1)
        members += f" ({', '.join(varied)})" if varied else ""
        gone = int((self.diverged_at >= 0).sum())
        ends = f", {gone} diverged" if gone else ""
        lines = [f"<Run of {what}: {members}, {steps:,} steps in {len(self)} frames, on {self.device}{ends}>"]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def to_xarray(self) -> xarray.Dataset:
        """The data as a dataset: dims `member`, `step` and each channel's own; every knob a coordinate."""
        from engines.core.store import to_xarray

        return to_xarray(self)

    def save(self, path: str | Path) -> None:
        """Write everything recorded, atomically, as `.parquet`, `.nc` (netCDF) or `.csv`. Raises `StoreError`.

        `engines.open` reads the first two.
        """
        from engines.core.export import save

        save(self, path)


def _within(name: str, value: Any, last: int) -> int:
    """A whole number from 0 to `last`. Raises `ConfigError`."""
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or not 0 <= value <= last:
        raise ConfigError(f"{name}={quoted(value)} is outside its bounds [0, {last}]")
    return int(value)
