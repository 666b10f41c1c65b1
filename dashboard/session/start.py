"""The start of a lab, from an address, a link, a preset, a lesson or a run that was computed already."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dashboard.session import link
from dashboard.session.lessons import Lesson, LessonError, Progress, after, load
from dashboard.session.view_state import ViewState
from engines.core.protocol.errors import DynascopeError

if TYPE_CHECKING:
    from dashboard.session.session import Session
    from engines.core.protocol.engine import Engine
    from engines.core.runs.experiment import Experiment
    from engines.core.runs.run import Run
    from engines.core.subjects.subject import Subject


@dataclass(frozen=True)
class Start:
    """The state in which a lab opens."""

    experiment: Experiment
    view: ViewState = field(default_factory=ViewState)
    error: str = ""
    """A sentence about a link or a name that could not be used; "" where all is well."""
    run: Run | None = None
    """Run of the experiment that was computed already, to be shown at its end."""
    lesson: Lesson | None = None
    follow_up: Mapping[str, str] | None = None
    """Title and address of the lesson that comes after this one; None after the last."""
    pinned: Experiment | None = None
    """The experiment of the run to compare with."""
    progress: Progress = field(default_factory=Progress)
    """How far the reader has come in the lesson."""
    session: Session | None = None
    """All that an earlier page had open, to go on with as it is."""

    @classmethod
    def from_address(cls, engine: Engine, token: str = "", preset: str = "", lesson: str = "") -> Start:
        """Open what a link holds, else a lesson, else a preset, else what the engine opens with.

        Never raises for what a person typed: then the lab opens as usual, and `error` says why.
        """
        try:
            if token:
                return cls.from_link(engine, token)
            return cls._from_lesson(engine, lesson) if lesson else cls.from_preset(engine, preset)
        except DynascopeError as error:
            message = f"{str(error).rstrip('.')}. Here is the lab as it opens by default."
            return replace(cls.from_preset(engine), error=message)

    @classmethod
    def from_preset(cls, engine: Engine, name: str = "") -> Start:
        """Open a preset, or the model that this program was started with, or what the engine opens with.

        Raises `UnknownName`.
        """
        from engines.core.runs.experiment import Experiment
        from engines.core.subjects import named_subjects

        if not name and named_subjects.FROM_COMMAND_LINE and engine.takes_subjects:
            return cls.from_subject(engine, named_subjects.find(named_subjects.FROM_COMMAND_LINE[0]))
        return cls(Experiment.from_preset(engine, engine.preset(name or engine.opening)))

    @classmethod
    def from_subject(cls, engine: Engine, subject: Subject, set: Mapping[str, Any] | None = None) -> Start:
        """Open on a model of a person's own. Raises `ConfigError` where the engine takes none."""
        from engines.core.api import with_subject
        from engines.core.runs.experiment import Experiment

        return cls(Experiment.from_preset(engine, set=with_subject(engine, subject, set)))

    @classmethod
    def from_run(cls, run: Run) -> Start:
        """Open a run that was computed already, at its end. Raises `ConfigError` where nothing is recorded."""
        from engines.core.runs.experiment import Experiment

        return cls(Experiment.from_run(run), run=run)

    @classmethod
    def from_link(cls, engine: Engine, token: str) -> Start:
        """Open what the token of a link holds. Raises `BadLink`."""
        from engines.core.runs.experiment import Experiment

        start = cls(*link.decode(token, engine))._with_lesson()
        try:
            pinned = Experiment.from_json(engine, start.view.pinned) if start.view.pinned else None
        except DynascopeError as error:
            raise link.BadLink(f"This link compares with something impossible: {error}.") from None
        return replace(start, pinned=pinned)

    def _with_lesson(self) -> Start:
        """Load the lesson that the view names; where there is none any more, leave it out and say so."""
        if not self.view.lesson:
            return self
        try:
            return replace(self, lesson=load(self.view.lesson))
        except LessonError as error:
            message = f"{error}. Here is the rest of what the link holds."
            return replace(self, view=replace(self.view, lesson="", lesson_step=0), error=message)

    @classmethod
    def _from_lesson(cls, engine: Engine, name: str) -> Start:
        lesson = load(name)
        if lesson.lab != engine.name:
            raise LessonError(f"the lesson {name!r} is of the lab {lesson.lab!r}, and this is {engine.name!r}")
        return cls(lesson.experiment(engine, 0), ViewState(hide=lesson.hide, lesson=name), lesson=lesson)

    def lead_on(self, address: Callable[[str], str]) -> Start:
        """Say which lesson comes after this one, and where; `address(lab)` is that of a lab."""
        following = after(self.lesson) if self.lesson else None
        if not following:
            return self
        return replace(self, follow_up={"title": following.title, "href": following.href(address(following.lab))})

    def hide(self, names: tuple[str, ...]) -> Start:
        """Leave out more parts, knobs and figures."""
        hidden = tuple(dict.fromkeys((*self.view.hide, *names)))
        return replace(self, view=replace(self.view, hide=hidden))
