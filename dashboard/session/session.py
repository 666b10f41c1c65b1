"""The session of a lab: its experiment, the runner that plays it, and where the reader is. It knows no widget."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dashboard.session.curves import Curve, curves, in_sight
from dashboard.session.history import History, HistoryEntry, live_edits
from dashboard.session.preset_changes import PresetChanges, changes_from, changes_from_preset
from dashboard.session.uploads import Uploads
from dashboard.session.view_state import (
    LONGEST_NOTE,
    MOST_ANNOTATIONS,
    NORMAL,
    SPEEDS,
    Annotation,
    PinnedRun,
    ViewContext,
    late_edit,
)
from engines.core.protocol.errors import ConfigError

if TYPE_CHECKING:
    from engines.core.data.recording import Event
    from engines.core.live.follower import Follower
    from engines.core.live.runner import Runner
    from engines.core.protocol.config import Config
    from engines.core.protocol.engine import Engine
    from engines.core.runs.experiment import Experiment
    from engines.core.runs.run import Run


class Session:
    """One experiment and the one runner that plays it. Errors are `DynascopeError`s and change nothing."""

    def __init__(self, engine: Engine, device: str = "auto") -> None:
        self.engine, self.device = engine, device
        self.speed = NORMAL
        self.bands = True
        """Whether runs that differ in their seed alone are drawn as one band."""
        self.mean = False
        """Whether bands are mean and standard error, and not median and spread."""
        self.paused = False
        """Whether the reader paused: then a new run waits, too."""
        self.cursor: int | None = None
        """The step that the reader chose to see; None follows the newest."""
        self.pending_cursor: int | None = None
        """The step on which the cursor is put once it is recorded."""
        self.pending_pause: int | None = None
        """The step up to which is played where the reader has paused there before."""
        self.focus = 0
        """The member that pictures and words are about."""
        self.uploads = Uploads()
        self.annotations: tuple[Annotation, ...] = ()
        """Notes and slopes that the reader put on the figures."""
        self.pinned: PinnedRun | None = None
        self.pinned_experiment: Experiment | None = None
        """Experiment that repeats the pinned run; set before the run itself while that is computed once more."""
        self._pinned_runner: Runner | None = None
        self.experiment: Experiment
        self.configs: list[Config] = []
        self.every_curve: tuple[Curve, ...] = ()
        """The curves of all members, of which `curves` are those of the part that is shown."""
        self.curves: tuple[Curve, ...] = ()
        self.runner: Runner | Follower
        self._until = math.inf
        self._hurries = False
        """Whether the run goes as fast as it can, back to where the reader was."""
        self.lesson_page: Experiment | None = None
        """Experiment of the page of a lesson that is open: the knobs that it sets were not edited."""
        self._compared: dict[bool, tuple[Any, PresetChanges]] = {}
        """Last comparison with the preset (True), and with a lesson (False): what was compared, and what came of it."""
        self.history = History()

    # -- what is run -----------------------------------------------------------------------------------------

    def start(self, experiment: Experiment, finished: Run | None = None) -> None:
        """Run an experiment from step 0, or show its `finished` run. Raises `ConfigError` beside a training."""
        from engines.core.live.follower import FollowedRun, Follower
        from engines.core.live.runner import Runner
        from engines.core.watch.engine import NOT_HERE

        configs = experiment.configs()
        if hasattr(self, "runner"):
            if isinstance(self.runner, Follower) and not finished:
                raise ConfigError(NOT_HERE)
            self.runner.close()
        options: dict[str, Any] = {"preset": experiment.preset, "horizon": experiment.steps, "finished": finished}
        options |= {"edits": () if finished else experiment.edits, "speed": SPEEDS[self.speed][0]}
        if isinstance(finished, FollowedRun):
            self.runner = Follower(finished)
        else:
            self.runner = Runner(self.engine, configs, device=self.device, until=self._until, **options)
        self._opened = experiment
        # The knobs show what the edits on the way will have made of them.
        self._show_after(experiment.edits)
        self.cursor = self.pending_cursor = self.pending_pause = None
        self.focus = min(self.focus, len(configs) - 1)
        self._arrange()
        self.paused = self.paused or finished is not None
        if not self.paused:
            self.runner.play()

    def _show_after(self, edits: Sequence[Event]) -> None:
        """Have the knobs show the experiment that was opened, after some live edits."""
        values = {edit.knob: edit.value for edit in edits}
        experiment = self._opened.override(values) if values else self._opened
        self.experiment, self.configs = experiment, experiment.configs()

    def repeatable(self) -> Experiment:
        """Return the experiment as it was opened, with every live edit since: it repeats the curves on screen."""
        return replace(self._opened, edits=self.runner.edits)

    def edit(self, values: Mapping[str, Any]) -> None:
        """Set knobs in every member (a list spreads one): live knobs at once, others by a restart."""
        experiment, edits = self.experiment.edit(values)
        self.remember()
        self._turn_or_restart(experiment, experiment, edits)

    def _turn_or_restart(self, experiment: Experiment, repeated: Experiment, edits: Sequence[Event] | None) -> None:
        """Turn knobs while the run goes on, by live edits; without them start what repeats the experiment."""
        if edits is None:
            return self.start(repeated)
        if edits:
            self.runner.apply(*edits)
        self.experiment, self.configs = experiment, experiment.configs()
        self.cursor = None
        self._arrange()

    # -- what was open before --------------------------------------------------------------------------------

    def remember(self) -> None:
        """Keep what is open for `undo`; call it before something else is opened or edited."""
        self.history.remember(self._now)

    def undo(self) -> None:
        """Open again what was open before the last edit; live knobs are turned back while the run goes on."""
        self._reopen(self.history.undo(self._now))

    def redo(self) -> None:
        """Open again what was undone last."""
        self._reopen(self.history.redo(self._now))

    @property
    def _now(self) -> HistoryEntry:
        return HistoryEntry(self.experiment, self.repeatable())

    def _reopen(self, opened: HistoryEntry | None) -> None:
        if opened:
            same = opened.shown.preset is self.experiment.preset
            edits = live_edits(self.configs, opened.shown.configs()) if same else None
            self._turn_or_restart(opened.shown, opened.repeated, edits)

    def preview(self, name: str, value: Any) -> tuple[Config, ...]:
        """Return the members as they would be with another value of a knob; nothing is run."""
        return tuple(config.replace(**{name: value}) for config in self.configs)

    def extend_lease(self, seconds: float) -> None:
        """Let the runners go on for so many seconds from now; they stop by themselves where nobody asks again."""
        self._until = time.monotonic() + seconds
        for runner in filter(None, (self.runner, self._pinned_runner)):
            runner.renew(self._until)

    def close(self) -> None:
        """Stop computing for good."""
        self.runner.close()
        if self._pinned_runner:
            self._pinned_runner.close()
        self.uploads.close()

    # -- what is drawn of it ---------------------------------------------------------------------------------

    def _arrange(self) -> None:
        self.every_curve = curves(self.configs, self.bands, [self.focus], self.experiment.preset, self.mean)
        self.curves = in_sight(self.every_curve, self.focus)

    def show_bands(self, on: bool, mean: bool = False) -> None:
        """Draw runs that differ in their seed alone as one band, or each by itself; `mean`: with standard error."""
        self.bands, self.mean = on, mean
        self._arrange()

    def focus_on(self, who: str | int) -> None:
        """Put a member in focus, or the first one of the curve with this key."""
        firsts = {curve.key: curve.members[0] for curve in self.every_curve}
        self.focus = who if isinstance(who, int) else firsts.get(who, self.focus)
        self._arrange()

    @property
    def edited(self) -> PresetChanges:
        """The differences between the experiment and its preset, also those on the way."""
        return self._changes_from(None)

    @property
    def edited_by_reader(self) -> PresetChanges:
        """The differences from the preset, in a lesson those from what its open page runs."""
        return self._changes_from(self.lesson_page if self.in_lesson else None)

    def _changes_from(self, page: Experiment | None) -> PresetChanges:
        events = self.runner.run.recording.events
        key = (page, self.experiment, len(events))
        if self._compared.get(page is None, (None,))[0] != key:
            compare, base = (changes_from, page) if page else (changes_from_preset, self.experiment)
            self._compared[page is None] = key, compare(base, self.configs, events)
        return self._compared[page is None][1]

    @property
    def in_lesson(self) -> bool:
        """Whether what is open follows the open page of a lesson."""
        page, preset = self.lesson_page, self.experiment.preset
        return bool(page and page.preset and preset and page.preset.name == preset.name)

    def shown_step(self) -> int:
        """Return the step of the cursor, or the newest."""
        steps = self.runner.run.steps
        return self.cursor if self.cursor is not None else int(steps[-1]) if len(steps) else 0

    def shown_frame(self) -> int:
        """Return the index of the recorded frame that is shown."""
        return self.runner.run.recording.dense.index_at(self.shown_step())

    def view_context(self) -> ViewContext:
        """Read everything that a drawing of this moment needs."""
        run, status = self.runner.run, self.runner.status
        rows, step = len(run), self.shown_step()
        return ViewContext(
            run=run,
            status=status,
            rows=rows,
            probe_results=len(run.probe_results),
            configs=tuple(self.configs),
            curves=self.curves,
            focus=self.focus,
            cursor=self.cursor,
            step=step,
            frame=run.recording.dense.index_at(step) if rows else 0,
            speed=self.speed,
            paused=self.paused,
            late_edit=late_edit(run),
            edited=self.edited,
            pinned=self.pinned,
            annotations=self.annotations,
            comparing=self.pinned_experiment is not None,
        )

    # -- time ------------------------------------------------------------------------------------------------

    def go_on(self) -> None:
        """Play on, unless the reader paused; where they paused before, up to there."""
        step, horizon = self.runner.status.step, self.runner.status.horizon
        if self.pending_pause is not None and self.pending_pause > step:
            self.runner.step(self.pending_pause - step)
        elif not self.paused and step < horizon:
            self.runner.play()

    @property
    def paused_at(self) -> int | None:
        """The step at which the reader paused, or will find it paused; None while it plays."""
        steps = self.runner.run.steps
        if self.pending_pause is None and self.paused and len(steps):
            return int(steps[-1])
        return self.pending_pause

    def come_back_to(self, cursor: int | None, pause: int | None) -> None:
        """Have the reader find the cursor, and the step at which they paused, where they left them."""
        self.pending_cursor, self.pending_pause = cursor, pause
        if (cursor, pause) != (None, None):
            self.paused = self.paused or pause is not None
            self.runner.speed, self._hurries = None, True

    def play_or_pause(self) -> None:
        """Pause what plays, or play what is paused."""
        self.paused, self.cursor, self.pending_pause = self.runner.status.playing, None, None
        (self.runner.pause if self.paused else self.runner.play)()

    def step(self, count: int) -> None:
        """Take steps and pause."""
        self.paused, self.cursor, self.pending_pause = True, None, None
        self.runner.step(count)

    def set_speed(self, name: str) -> None:
        """Play at one of `SPEEDS`; other names change nothing."""
        if name in SPEEDS:
            self.speed, self.runner.speed, self._hurries = name, SPEEDS[name][0], False

    def scrub(self, index: int) -> None:
        """Put the cursor on a recorded frame; the last one follows the newest again."""
        steps = self.runner.run.steps
        last = len(steps) - 1
        self.cursor, self.pending_cursor = None if index >= last else int(steps[max(0, index)]), None

    def branch(self) -> None:
        """Go back to the cursor and forget what came after."""
        if self.cursor is not None:
            self.paused = True
            self.runner.branch(self.cursor)
            self._show_after([edit for edit in self.runner.edits if edit.step <= self.cursor])
            self.cursor = None
            self._arrange()

    def reset(self) -> None:
        """Start again at step 0 with the same seeds and the knobs as they are shown."""
        self.start(self.experiment)

    def reseed(self) -> None:
        """Start again at step 0 with seeds that were not used yet."""
        self.remember()
        self.start(self.experiment.reseeded())

    def devices(self) -> list[list[str]]:
        """List the devices of this machine: their names, and what they are and how much memory is free."""
        from engines.core.compute import device

        return [[each.name, each.text] for each in device.describe_devices()]

    def compute_on(self, name: str) -> None:
        """Start again at step 0 on another device, or go on where the memory of this one ran out.

        Raises `ConfigError` for a device that is not here.
        """
        from engines.core.compute import device

        self.device = str(device.resolve(name))
        if self.runner.status.full:
            self.runner.move(self.device)
            self.runner.play()
        else:
            self.start(self.experiment)

    def press(self, name: str) -> None:
        """Press a button of the engine's own: it writes the current step into a live knob."""
        for action in self.engine.actions:
            if action.name == name:
                self.edit({action.knob: self.runner.status.step})

    # -- what the reader writes ------------------------------------------------------------------------------

    def annotate(self, note: Annotation) -> None:
        """Write on a figure. Raises `ConfigError` where there is too much on the figures already."""
        if len(self.annotations) >= MOST_ANNOTATIONS:
            raise ConfigError(f"there are {len(self.annotations)} annotations already, as many as a link holds")
        if note.step < 0 or (note.to is not None and note.to <= note.step):
            raise ConfigError(f"a slope is measured from a step to a later one, not from {note.step} to {note.to}")
        note = replace(note, text=note.text.strip()[:LONGEST_NOTE])
        self.annotations = (*self.annotations, note)

    def erase(self, plot: str) -> None:
        """Take the last annotation of a figure away."""
        mine = [note for note in self.annotations if note.plot == plot]
        self.annotations = tuple(note for note in self.annotations if not mine or note is not mine[-1])

    # -- comparison ------------------------------------------------------------------------------------------

    def pin_or_unpin(self) -> None:
        """Keep the run as it is now to compare others with; let it go where one is kept."""
        if self.pinned_experiment:
            self._unpin()
        elif len(self.runner.run):
            self.pinned = PinnedRun(self.runner.run.copy(), self.curves)
            self.pinned_experiment = replace(self.repeatable(), steps=max(1, int(self.pinned.run.steps[-1])))

    def _unpin(self) -> None:
        if self._pinned_runner:
            self._pinned_runner.close()
        self.pinned = self.pinned_experiment = self._pinned_runner = None

    def recompute_pinned(self, experiment: Experiment) -> None:
        """Compute a pinned run once more, beside the one that plays."""
        from engines.core.live.runner import Runner

        options = {"preset": experiment.preset, "horizon": experiment.steps, "edits": experiment.edits}
        here = {"device": self.device, "until": self._until}
        self._pinned_runner = Runner(self.engine, experiment.configs(), **here, **options)
        self._pinned_runner.play()
        self.pinned_experiment = experiment

    def collect(self) -> None:
        """Take over what is ready by now of what a link asked for: the pinned run, the step of the cursor."""
        self._collect_pinned()
        steps = self.runner.run.steps
        newest = int(steps[-1]) if len(steps) else -1
        if self.pending_pause is not None and newest >= self.pending_pause:
            self.pending_pause = None
        if self.pending_cursor is not None and newest >= self.pending_cursor:
            self.cursor, self.pending_cursor = self.pending_cursor, None
        if self._hurries and self.pending_pause is None and self.pending_cursor is None:
            self.set_speed(self.speed)

    def _collect_pinned(self) -> None:
        runner, wanted = self._pinned_runner, self.pinned_experiment
        if not (runner and wanted):
            return
        all_diverged = not runner.status.playing and bool((runner.run.diverged_at >= 0).all())
        if runner.status.step >= wanted.steps or runner.status.message or all_diverged:
            self.pinned = PinnedRun(runner.run.copy(), curves(runner.run.initial_configs, preset=runner.run.preset))
            runner.close()
            self._pinned_runner = None
