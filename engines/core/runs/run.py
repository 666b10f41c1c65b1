"""A run: what was configured, what was observed, and what can be concluded. Live and finished runs are alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines.core.analysis.options import checked
from engines.core.analysis.probing import parts
from engines.core.protocol.config import whole_within
from engines.core.protocol.declarations import Story, Verdict
from engines.core.protocol.engine import Part, RunData
from engines.core.protocol.errors import EngineFailure, guarded

if TYPE_CHECKING:
    import xarray


class Run(RunData):
    """Everything recorded of an ensemble, with what can be concluded and computed from it."""

    @classmethod
    def of(cls, data: RunData) -> Run:
        """The run of some recorded data; they are shared, not copied."""
        found = cls(data.engine, data.openings, preset=data.preset, device=data.device)
        vars(found).update(vars(data))
        return found

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
        from engines.core.runs.experiment import Experiment

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
        step = last if step == -1 else whole_within("step", step, last)
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
        from engines.core.files.store import to_xarray

        return to_xarray(self)

    def save(self, path: str | Path) -> None:
        """Write everything recorded, atomically, as `.parquet`, `.nc` (netCDF) or `.csv`. Raises `StoreError`.

        `engines.open` reads the first two.
        """
        from engines.core.files.export import save

        save(self, path)
