"""Runs: configurations, recorded values, and what can be concluded from them. Live and finished runs are alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines.core.analysis.probing import check_options, compute_parts
from engines.core.protocol import drawing
from engines.core.protocol.config import check_index, varied
from engines.core.protocol.declarations import Story, Verdict
from engines.core.protocol.engine import Part, RunData
from engines.core.protocol.errors import ConfigError, EngineFailure, engine_failures, expect, quote

if TYPE_CHECKING:
    import pandas
    import xarray


def require_run(run: Any) -> None:
    """Raise `ConfigError` for what is no run."""
    if not isinstance(run, RunData):
        raise ConfigError(f"run={quote(run)} is no run: engines.run and engines.open return one")


class Run(RunData):
    """Everything recorded of an ensemble, with what can be concluded and computed from it."""

    @classmethod
    def from_data(cls, data: RunData) -> Run:
        """Make the run of some recorded data, which are shared, not copied."""
        run = cls(data.engine, data.initial_configs, preset=data.preset, device=data.device)
        vars(run).update(vars(data))
        return run

    def judge(self) -> list[Verdict]:
        """Judge the claims of the run's preset; none without a preset.

        What a run that goes on cannot tell yet is undecided; what had not happened when it finished does not hold.
        """
        verdicts = self._claims() if self.preset and len(self) else []
        return [replace(one, holds=False) if one.holds is None and self.finished else one for one in verdicts]

    def _claims(self) -> list[Verdict]:
        """Ask the preset for its verdicts; none where members of another kind leave nothing to judge by."""
        assert self.preset
        try:
            with engine_failures(self.engine.title):
                verdicts = self.preset.judge(self)
                return [expect(Verdict, verdict, f"the judge of {self.preset.name}") for verdict in verdicts]
        except EngineFailure:
            if not self.differs_from_preset:
                raise
            note = f"the claims of {self.preset.name} cannot be judged by these members, which are not its own"
            self.notes = (*(other for other in self.notes if other != note), note)
            return []

    @property
    def differs_from_preset(self) -> bool:
        """Whether the members are not those of the run's preset."""
        from engines.core.runs.experiment import Experiment

        if self.preset is None:
            return False
        return list(self.initial_configs) != Experiment.from_preset(self.engine, self.preset).configs()

    @property
    def verdicts(self) -> list[dict[str, Any]]:
        """The verdicts of `judge` as JSON objects."""
        return [verdict.to_dict() for verdict in self.judge()]

    def story(self, member: int = 0) -> Story:
        """Tell what there is to see of a member; of one that diverged, that it did, and what was there before."""
        at = int(self.diverged_at[self._member(member)])
        with engine_failures(self.engine.title):
            if at < 0:
                return expect(Story, self.engine.story(self, member), "story")
            before = expect(Story, self.engine.story(self.until(at - 1), member), "story")
        notice = f"It **diverged** at step {at}; what follows is about the steps before."
        return replace(before, text=f"{notice}\n{before.text}")

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
        step = last if step == -1 else check_index("step", step, last)
        parts = compute_parts(probe, self.until(step), member, step, check_options(probe, chosen))
        from engines.core.compute.arithmetic import restored  # imports torch

        return restored(_last)(parts, watch)

    def summary(self) -> dict[str, Any]:
        """Summarise the run as one JSON object."""
        return {
            "engine": self.engine.name,
            "steps": int(self.steps[-1]),
            "members": [self._member_summary(index) for index in range(len(self.configs))],
            "verdicts": self.verdicts,
        }

    def _member_summary(self, index: int) -> dict[str, Any]:
        at = int(self.diverged_at[index])
        status = {"status": "ok", "diverged_at": None} if at < 0 else {"status": "diverged", "diverged_at": at}
        return {"config": dict(self.configs[index]), **status, "final": self.final(index)}

    def __repr__(self) -> str:
        """Describe in a few lines what was run and how far.

        >>> import engines
        >>> engines.run("matrix_sensing", set={"k": [4, 5]}, steps=200)
        <Run of matrix_sensing: 2 members (k), 200 steps in 163 frames, on cpu>
        """
        knobs, steps = varied(self.configs), int(self.steps[-1]) if len(self) else 0
        what = f"{self.engine.name}, {self.preset.name}" if self.preset else self.engine.name
        members = f"{len(self.configs)} member" + "s" * (len(self.configs) > 1)
        members += f" ({', '.join(knobs)})" if knobs else ""
        gone = int((self.diverged_at >= 0).sum())
        ends = f", {gone} diverged" if gone else ""
        lines = [f"<Run of {what}: {members}, {steps:,} steps in {len(self)} frames, on {self.device}{ends}>"]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def to_xarray(self) -> xarray.Dataset:
        """Make a dataset of the data: dims `member`, `step` and each channel's own; every knob a coordinate."""
        from engines.core.files.store import to_xarray

        return to_xarray(self)

    def to_frame(self, *channels: str) -> pandas.DataFrame:
        """Make a tidy table of some channels (default: all), one row a number, with member, step and varied knobs."""
        from engines.core.files.export import tidy_table

        for channel in channels:
            self._require(channel)
        return tidy_table(self, channels)

    def plot(self, name: str, **view: Any) -> Any:
        """Make the HoloViews object of a plot or a channel, with the options of `dynascope.figure`.

        Raises `UnknownName`, and `ConfigError` where no package that draws has been imported.
        """
        return drawing.draw(self, name, **view)

    def save(self, path: str | Path) -> None:
        """Write everything recorded, atomically, as `.parquet`, `.nc` (netCDF) or `.csv`. Raises `StoreError`.

        `engines.open` reads the first two.
        """
        from engines.core.files.export import save

        save(self, path)


def _last(parts: Iterable[Part], watch: Callable[[Part], None] | None) -> Mapping[str, Any]:
    part = Part(0.0, {})
    for part in parts:
        if watch:
            watch(part)
    return part.values
