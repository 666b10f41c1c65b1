"""What is being played: an experiment, its runner, and where the reader looks. Knows no widget."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dashboard.figures.overlays import Ghosts, ghosts
from dashboard.session.curves import Curve, curves, tell
from dashboard.session.speeds import NORMAL, SPEEDS
from dashboard.ui.formatting import words

if TYPE_CHECKING:
    from engines.core.live.runner import Runner
    from engines.core.protocol.config import Config
    from engines.core.protocol.engine import Engine
    from engines.core.runs.experiment import Experiment
    from engines.core.runs.run import Run


class Player:
    """One experiment and the one runner that plays it. Errors are `DynascopeError`s and change nothing."""

    def __init__(self, engine: Engine, device: str = "cpu") -> None:
        self.engine, self.device = engine, device
        self.speed = NORMAL
        self.bands = True
        self.held = False
        """Whether the reader paused: then a new run waits, too."""
        self.cursor: int | None = None
        """The step that is looked at; None follows the newest."""
        self.awaited: int | None = None
        """The step that the cursor is put on once it is recorded."""
        self.focus = 0
        self.ghost: Ghosts = {}
        """The pinned run as it is drawn, with its data and what repeats it."""
        self.pinned: Run | None = None
        self.pinned_as: Experiment | None = None
        self._recomputing: Runner | None = None
        self.others: Ghosts = {}
        """Stored runs that are laid over."""
        self.experiment: Experiment
        self.configs: list[Config] = []
        self.curves: tuple[Curve, ...] = ()
        self.runner: Runner
        self._until = math.inf

    # -- what is run -----------------------------------------------------------------------------------------

    def start(self, experiment: Experiment, finished: Run | None = None) -> None:
        """Run an experiment from step 0 in place of the one before, or show the `finished` run of it."""
        from engines.core.live.runner import Runner

        configs = experiment.configs()
        if hasattr(self, "runner"):
            self.runner.close()
        speed = SPEEDS[self.speed][0]
        edits = () if finished else experiment.edits
        options = {"preset": experiment.preset, "horizon": experiment.steps, "edits": edits, "finished": finished}
        self.runner = Runner(self.engine, configs, speed=speed, device=self.device, until=self._until, **options)
        self._opening = experiment
        # The knobs show what the edits on the way will have made of them.
        for event in experiment.edits:
            experiment = experiment.override({event.knob: event.value})
        self.experiment, self.configs = experiment, experiment.configs()
        self.cursor = self.awaited = None
        self.focus = min(self.focus, len(configs) - 1)
        self._arrange()
        self.held = self.held or finished is not None
        if not self.held:
            self.runner.play()

    def shared(self) -> Experiment:
        """The experiment as it was opened, with every live edit since: what repeats the curves that are drawn."""
        return replace(self._opening, edits=self.runner.edits)

    def edit(self, values: Mapping[str, Any]) -> None:
        """Set knobs in every member (a list spreads one): live knobs at once, others by a restart."""
        experiment, edits = self.experiment.edit(values)
        if edits is None:
            return self.start(experiment)
        for edit in edits:
            self.runner.apply(edit)
        self.experiment, self.configs = experiment, experiment.configs()
        self.cursor = None
        self._arrange()

    def preview(self, name: str, value: Any) -> list[Config]:
        """The members as they would be; nothing is run."""
        return [config.replace(**{name: value}) for config in self.configs]

    def renew(self, seconds: float) -> None:
        """Go on computing for so long, unless asked again."""
        self._until = time.monotonic() + seconds
        for runner in filter(None, (self.runner, self._recomputing)):
            runner.renew(self._until)

    def close(self) -> None:
        """Stop computing for good."""
        self.runner.close()
        if self._recomputing:
            self._recomputing.close()

    def _arrange(self) -> None:
        self.curves = curves(self.configs, self.bands, [self.focus])

    def collapse(self, bands: bool) -> None:
        """Whether seeds are drawn as bands."""
        self.bands = bands
        self._arrange()

    def pick(self, who: str | int) -> None:
        """Put a member in focus, or the first one of the curve with this key."""
        firsts = {curve.key: curve.members[0] for curve in self.curves}
        self.focus = who if isinstance(who, int) else firsts.get(who, self.focus)
        self._arrange()

    @property
    def label(self) -> str:
        """What distinguishes the member in focus."""
        return tell(self.configs, self.focus)

    # -- time ------------------------------------------------------------------------------------------------

    def toggle(self) -> None:
        """Play or pause."""
        self.held = self.runner.status.playing
        self.cursor = None
        (self.runner.pause if self.held else self.runner.play)()

    def step(self, count: int) -> None:
        """Take steps and pause."""
        self.held, self.cursor = True, None
        self.runner.step(count)

    def pace(self, name: str) -> None:
        """Choose the speed."""
        if name in SPEEDS:
            self.speed, self.runner.speed = name, SPEEDS[name][0]

    def scrub(self, index: int) -> None:
        """Look at a recorded frame; the last one follows the newest again."""
        steps = self.runner.run.steps
        last = len(steps) - 1
        self.cursor, self.awaited = None if index >= last else int(steps[max(0, index)]), None

    def arrive(self) -> None:
        """Put the cursor on the step that is awaited, and show the pinned run, where they are there by now."""
        self._repinned()
        steps = self.runner.run.steps
        if self.awaited is not None and len(steps) and steps[-1] >= self.awaited:
            self.scrub(self.runner.run.recording.dense.index_at(self.awaited))

    def branch(self) -> None:
        """Go back to the cursor and forget what came after."""
        if self.cursor is not None:
            self.held = True
            self.runner.branch(self.cursor)
            self.cursor = None

    def reset(self) -> None:
        """Back to step 0 with the same seeds and the knobs as they are shown."""
        self.start(self.experiment)

    def reseed(self) -> None:
        """Back to step 0 with seeds that were not used yet."""
        self.start(_reseeded(self.experiment))

    def act(self, name: str) -> None:
        """Press one of the engine's own buttons: it writes the current step into a live knob."""
        for action in self.engine.actions:
            if action.name == name:
                self.edit({action.knob: self.runner.status.step})

    # -- comparison ------------------------------------------------------------------------------------------

    def pin(self) -> None:
        """Keep the run as it is now to compare others with, or let it go."""
        if self.pinned_as:
            self._unpin()
        elif len(self.runner.run):
            self.pinned, self.ghost = self.runner.run.copy(), ghosts(self.runner.run, several=self.curves)
            self.pinned_as = replace(self.shared(), steps=max(1, int(self.pinned.steps[-1])))

    def _unpin(self) -> None:
        if self._recomputing:
            self._recomputing.close()
        self.pinned, self.pinned_as, self.ghost, self._recomputing = None, None, {}, None

    def repin(self, experiment: Experiment) -> None:
        """Compute a pinned run once more, beside the one that plays."""
        from engines.core.live.runner import Runner

        options = {"preset": experiment.preset, "horizon": experiment.steps, "edits": experiment.edits}
        here = {"device": self.device, "until": self._until}
        self._recomputing = Runner(self.engine, experiment.configs(), **here, **options)
        self._recomputing.play()
        self.pinned_as = experiment

    def _repinned(self) -> None:
        """Take the pinned run over once it is there again."""
        runner, wanted = self._recomputing, self.pinned_as
        if not (runner and wanted):
            return
        gone = not runner.status.playing and bool((runner.run.diverged_at >= 0).all())
        if runner.status.step >= wanted.steps or runner.status.message or gone:
            self.pinned, self.ghost = runner.run.copy(), ghosts(runner.run)
            runner.close()
            self._recomputing = None

    def view(self) -> tuple[Any, ...]:
        """All that decides what is drawn, beside the run itself."""
        return self.cursor, self.curves, self.focus, len(self.ghost), id(self.others), self.speed

    @property
    def edited(self) -> str:
        """The last change of a knob while the run was under way, as a sentence; "" where there was none."""
        late = [event for event in self.runner.run.recording.events if event.step > 0]
        return f"{words(late[-1].knob)} was changed at step {late[-1].step:,}" if late else ""

    def at(self) -> int:
        """The step that is looked at."""
        steps = self.runner.run.steps
        return self.cursor if self.cursor is not None else int(steps[-1]) if len(steps) else 0

    def index(self) -> int:
        """The frame that is looked at."""
        return self.runner.run.recording.dense.index_at(self.at())


def _reseeded(experiment: Experiment) -> Experiment:
    if any("seed" in case for case in experiment.cases):
        cases = [{**case, "seed": case["seed"] + 1} if "seed" in case else case for case in experiment.cases]
        return replace(experiment, cases=tuple(cases))
    seeds = list(experiment.axes.get("seed", (experiment.base.seed,)))  # type: ignore[attr-defined]
    return experiment.override({"seed": [seed + max(seeds) - min(seeds) + 1 for seed in seeds]})
