"""With what a lab opens: an experiment, how it is looked at, and what there is to say about where it came from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dashboard.session import link
from dashboard.session.lessons import Lesson, LessonError, load
from dashboard.session.view_state import View
from engines.core.protocol.errors import UnknownName

if TYPE_CHECKING:
    from engines.core.protocol.engine import Engine
    from engines.core.runs.experiment import Experiment
    from engines.core.runs.run import Run


@dataclass(frozen=True)
class Opening:
    """The start of a lab; `said` is a sentence about a link or a name that could not be used, "" where all is well."""

    experiment: Experiment
    view: View = field(default_factory=View)
    said: str = ""
    run: Run | None = None
    """What was computed of the experiment already."""
    lesson: Lesson | None = None
    pinned: Experiment | None = None
    """What is compared with."""

    def hiding(self, names: tuple[str, ...]) -> Opening:
        """The same with more left out."""
        hidden = tuple(dict.fromkeys((*self.view.hide, *names)))
        return replace(self, view=replace(self.view, hide=hidden))


def of(engine: Engine, token: str = "", preset: str = "", lesson: str = "") -> Opening:
    """What a link holds, else a lesson, else a preset, else the engine's own opening.

    Never raises for what a person typed.
    """
    try:
        if token:
            return of_token(engine, token)
        if lesson:
            return _of_lesson(engine, lesson)
        return Opening(of_preset(engine, preset or engine.opening))
    except (link.BadLink, UnknownName, LessonError) as error:
        said = f"{str(error).rstrip('.')}. Here is the lab as it opens by default."
        return Opening(of_preset(engine, engine.opening), said=said)


def _of_lesson(engine: Engine, name: str) -> Opening:
    lesson = load(name)
    if lesson.lab != engine.name:
        raise LessonError(f"the lesson {name!r} is of the lab {lesson.lab!r}, and this is {engine.name!r}")
    view = View(hide=lesson.hide, lesson=name)
    return Opening(lesson.experiment(engine, 0), view, lesson=lesson)


def of_token(engine: Engine, token: str) -> Opening:
    """What a link holds. Raises `BadLink`."""
    from engines.core.protocol.errors import ConfigError
    from engines.core.runs.experiment import Experiment

    found = _taught(Opening(*link.decode(token, engine)))
    try:
        pinned = Experiment.from_json(engine, found.view.pinned) if found.view.pinned else None
    except ConfigError as error:
        raise link.BadLink(f"This link compares with something impossible: {error}.") from None
    return replace(found, pinned=pinned)


def _taught(found: Opening) -> Opening:
    """With the lesson that a link names; where it is gone, without."""
    if not found.view.lesson:
        return found
    try:
        return replace(found, lesson=load(found.view.lesson))
    except LessonError as error:
        said = f"{error}. Here is the rest of what the link holds."
        return replace(found, view=replace(found.view, lesson="", page=0), said=said)


def of_preset(engine: Engine, name: str) -> Experiment:
    """A preset as an experiment. Raises `UnknownName`."""
    from engines.core.runs.experiment import Experiment

    return Experiment.from_preset(engine, engine.preset(name))


def of_run(run: Run) -> Opening:
    """A run that is there already, as it ended."""
    from engines.core.runs.experiment import Experiment

    return Opening(Experiment.from_run(run), run=run)
