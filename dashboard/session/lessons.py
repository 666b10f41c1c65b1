"""Lessons: Markdown files with a front matter, found with the engines and in a folder of the lecturer's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import frontmatter
import nh3
import yaml
from frontmatter.default_handlers import YAMLHandler
from markdown_it import MarkdownIt

from dashboard.session.goals import Condition, Goal
from dashboard.session.view_state import PARTS, split_names
from engines.core.protocol.config import Knob
from engines.core.protocol.errors import ConfigError, DynascopeError, shortened

if TYPE_CHECKING:
    from engines.core.protocol.engine import Engine
    from engines.core.runs.experiment import Experiment

FOLDER_VARIABLE = "DYNASCOPE_LESSONS"
"""The environment variable with a folder of further lessons; those there go before an engine's of the same name."""

LARGEST_LESSON = 200_000
"""Bytes of a lesson."""

LONGEST = 300
"""Characters of a reason why a lesson cannot be shown: it may quote what has any length."""

DAMAGED = (DynascopeError, yaml.YAMLError, LookupError, TypeError, ValueError, ArithmeticError, RecursionError)
"""Errors that parsing raises for a text that is no lesson."""

BLOCKS = ("set", "look", "predict", "goal")
"""Fenced blocks that are no text: knobs, the figures meant, a question, something to bring about."""

TAGS = nh3.ALLOWED_TAGS - {"img", "area", "map"}


class LessonError(DynascopeError):
    """A lesson cannot be shown; the message names the file and what is wrong in it."""


class Loader(yaml.SafeLoader):
    """Reads YAML without aliases: a few lines of them grow to any size."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Read one node. Raises `LessonError` for an alias."""
        if self.check_event(yaml.AliasEvent):
            raise LessonError("it has an alias (*name), and must say each thing itself")
        return super().compose_node(parent, index)


class FrontMatter(YAMLHandler):
    """Reads the front matter with our `Loader`."""

    def load(self, fm: str, **options: Any) -> Any:
        """Read the YAML between the dashes."""
        return _yaml(fm)


def _yaml(text: str) -> Any:
    return yaml.load(text, Loader)


@dataclass(frozen=True)
class Question:
    """A prediction to make before the run is seen. `answer` is the index of the right choice."""

    question: str
    choices: tuple[str, ...]
    answer: int
    reveal: str
    at: int
    """The step at which the run has shown the answer; 0: its end."""
    show: tuple[str, ...]
    """Figures that stay in sight while it waits, as they are at the start."""


@dataclass(frozen=True)
class LessonStep:
    """One page of a lesson: sanitised HTML, the knobs that it turns, and perhaps a question or a goal."""

    title: str
    html: str
    preset: str = ""
    set: Mapping[str, Any] = field(default_factory=dict)
    figures: tuple[str, ...] = ()
    """The figures that it is about."""
    question: Question | None = None
    goal: Goal | None = None


@dataclass
class Progress:
    """How far a reader has come in a lesson; pages are counted from 0."""

    chosen: dict[int, int] = field(default_factory=dict)
    """The answer that was chosen, by page."""
    answered: set[int] = field(default_factory=set)
    """Pages whose question has its answer in sight."""
    reached: set[int] = field(default_factory=set)
    """Pages whose goal was reached."""


@dataclass(frozen=True)
class Lesson:
    """A walk through one lab."""

    name: str
    title: str
    lab: str
    summary: str
    minutes: int
    order: int
    hide: tuple[str, ...]
    steps: tuple[LessonStep, ...]

    def href(self, lab: str) -> str:
        """Return the address of the lesson; `lab` is that of its lab."""
        return f"{lab}{'&' if '?' in lab else '?'}{urlencode({'lesson': self.name})}"

    def experiment(self, engine: Engine, index: int) -> Experiment:
        """Build what runs at a step: presets and knobs of all steps up to it. Raises `UnknownName`, `ConfigError`."""
        from engines.core.runs.experiment import Experiment

        experiment = Experiment.from_preset(engine, engine.preset(engine.opening))
        for step in self.steps[: index + 1]:
            experiment = Experiment.from_preset(engine, engine.preset(step.preset)) if step.preset else experiment
            experiment = experiment.override(step.set) if step.set else experiment
        experiment.configs()
        return experiment


def paths() -> dict[str, Path]:
    """Find the files of all lessons, by name: of each engine in its `assets/lessons`, and the lecturer's own."""
    from engines.core.protocol.registry import BUILT_IN, origins

    engines = sorted(origins().values(), key=lambda source: source.package == BUILT_IN)  # whose names win
    folders = [source.folder / "assets" / "lessons" for source in engines if source.folder]
    if further := os.environ.get(FOLDER_VARIABLE):
        folders.append(Path(further))
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.md")) if path.stem != "README"}


def load(name: str) -> Lesson:
    """Read one lesson, completely checked. Raises `LessonError`."""
    return _opened(name, _checked)


def in_order() -> tuple[list[Lesson], list[str]]:
    """List all lessons as they are taken one after the other, and say of each that cannot be read why.

    Shipped ones are not checked against their labs, which would have to be imported: tests do that.
    """
    from engines.core.protocol.registry import BUILT_IN, origins

    folders = [source.folder for source in origins().values() if source.package == BUILT_IN and source.folder]
    good, broken = [], []
    for name, path in paths().items():
        try:
            shipped = any(folder in path.parents for folder in folders)
            good.append(_opened(name, (lambda lesson: lesson) if shipped else _checked))
        except DynascopeError as error:
            broken.append(str(error))
    return sorted(good, key=lambda each: (each.order, each.title)), broken


def after(lesson: Lesson) -> Lesson | None:
    """Return the lesson that is taken next; None after the last."""
    readable = in_order()[0]
    names = [each.name for each in readable]
    place = names.index(lesson.name) + 1 if lesson.name in names else len(readable)
    return readable[place] if place < len(readable) else None


def _opened(name: str, check: Callable[[Lesson], Lesson]) -> Lesson:
    files = paths()
    if name not in files:
        raise LessonError(f"there is no lesson {name!r:.100}; known are {', '.join(files) or 'none'}")
    path = files[name]
    try:
        return check(_read(name, path))
    except (OSError, *DAMAGED) as error:
        raise LessonError(f"the lesson {path.name}: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    text = "it is nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _read(name: str, path: Path) -> Lesson:
    if not path.is_file():  # a pipe of that name would be waited for without end
        raise LessonError("it is no file")
    if path.stat().st_size > LARGEST_LESSON:
        raise LessonError(f"it has {path.stat().st_size} bytes; allowed are {LARGEST_LESSON}")
    about: dict[str, Any]
    about, body = frontmatter.parse(path.read_text(encoding="utf-8"), handler=FrontMatter())
    missing = [key for key in ("title", "lab") if not about.get(key)]
    if missing:
        raise LessonError(f"its front matter lacks {' and '.join(missing)}")
    first = {"preset": str(about.get("preset", "")), "set": _table("set", about.get("set"))}
    return Lesson(
        name=name,
        title=str(about["title"]),
        lab=str(about["lab"]),
        summary=str(about.get("summary", "")),
        minutes=int(about.get("minutes", 0)),
        order=int(about.get("order", 1000)),
        hide=split_names(about.get("hide")),
        steps=_steps(body, first),
    )


def _steps(body: str, first: dict[str, Any]) -> tuple[LessonStep, ...]:
    """Cut the body at its second-level headings; the first step begins with what the front matter says."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(body)
    starts = [i for i, token in enumerate(tokens) if token.type == "heading_open" and token.tag == "h2"]
    if not starts:
        raise LessonError("it has no step: each begins with a heading, `## Title`")
    steps = []
    for index, (start, end) in enumerate(zip(starts, [*starts[1:], len(tokens)], strict=True)):
        title = tokens[start + 1].content
        try:
            steps.append(_step(markdown, title, tokens[start + 3 : end], {} if index else first))
        except DAMAGED as error:
            raise LessonError(f"step {index + 1}, {title!r:.40}: {_reason(error)}") from error
    return tuple(steps)


def _step(markdown: MarkdownIt, title: str, tokens: list[Any], first: dict[str, Any]) -> LessonStep:
    blocks = {token.info: _yaml(token.content) for token in tokens if token.info in BLOCKS}
    text = [token for token in tokens if token.info not in BLOCKS]
    html = nh3.clean(markdown.renderer.render(text, markdown.options, {}), tags=TAGS)
    changes = _table("set", blocks.get("set"))
    preset = str(changes.pop("preset", first.get("preset", "")))
    return LessonStep(
        title,
        html,
        preset,
        dict(first.get("set", {})) | changes,
        figures=split_names(blocks.get("look")),
        question=_question(_table("predict", blocks["predict"])) if "predict" in blocks else None,
        goal=_goal(_table("goal", blocks["goal"])) if "goal" in blocks else None,
    )


def _question(about: dict[str, Any]) -> Question:
    _require("question", about, ("question", "choices", "answer", "reveal"))
    choices = tuple(map(str, about["choices"]))
    if str(about["answer"]) not in choices:
        raise LessonError(
            f"the answer {about['answer']!r:.40} is none of the choices {shortened(', '.join(choices), 80)}"
        )
    answer, at = choices.index(str(about["answer"])), int(about.get("at", 0))
    shown = split_names(about.get("show"))
    return Question(str(about["question"]), choices, answer, str(about["reveal"]), at, shown)


def _goal(about: dict[str, Any]) -> Goal:
    _require("goal", about, ("do", "until", "set", "done"))
    until = about["until"] if isinstance(about["until"], list) else [about["until"]]
    conditions = tuple(Condition.parse(str(each)) for each in until)
    return Goal(str(about["do"]), conditions, _table("set", about["set"]), str(about["done"]))


def _require(what: str, about: dict[str, Any], keys: tuple[str, ...]) -> None:
    missing = [key for key in keys if key not in about]
    if missing:
        raise LessonError(f"its {what} lacks {' and '.join(missing)}")


def _table(what: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict | None):
        raise LessonError(f"`{what}` is {value!r}, and must be lines of the form name: value")
    return {str(name): _number(each) for name, each in (value or {}).items()}


ANY_NUMBER = Knob(type=float)


def _number(value: Any) -> Any:
    """Read numbers that YAML takes for a text, such as 1e-8."""
    if isinstance(value, list):
        return [_number(each) for each in value]
    try:
        return ANY_NUMBER.parse(value) if isinstance(value, str) else value
    except ConfigError:
        return value


def _checked(lesson: Lesson) -> Lesson:
    """Check that the lab, presets, knobs, values and hidden parts of a lesson exist, and return it."""
    from engines.core.protocol.registry import load as load_engine

    engine = load_engine(lesson.lab)
    names = {*PARTS, *engine.Config.knobs(), *(plot.name for plot in engine.plots)}
    unknown = [name for name in lesson.hide if name not in names]
    if unknown:
        raise LessonError(f"it hides {', '.join(unknown)}; parts are {', '.join(PARTS)}, beside knobs and figures")
    for index, step in enumerate(lesson.steps):
        try:
            _check_step(step, lesson.experiment(engine, index))
        except DynascopeError as error:
            raise LessonError(f"step {index + 1}, {step.title!r:.40}: {error}") from error
    return lesson


def _check_step(step: LessonStep, experiment: Experiment) -> None:
    """Check that figures, steps and numbers of a page exist where its experiment runs."""
    engine = experiment.engine
    figures = [plot.name for plot in engine.plots]
    unknown = [name for name in (*step.figures, *(step.question.show if step.question else ())) if name not in figures]
    if unknown:
        raise LessonError(f"there is no figure {unknown[0]!r:.100}; there are {', '.join(figures)}")
    if step.question and not 0 <= step.question.at <= experiment.steps:
        raise LessonError(f"its question is answered at step {step.question.at}; the run ends at {experiment.steps}")
    if step.goal:
        step.goal.check(engine)
        experiment.override(step.goal.solution).configs()
