"""Lessons: Markdown files with a front matter, found with the engines and in a folder of the lecturer's own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import frontmatter
import nh3
import yaml
from frontmatter.default_handlers import YAMLHandler
from markdown_it import MarkdownIt

from dashboard.session.view_state import PARTS, split_names
from engines.core.protocol.config import Knob
from engines.core.protocol.errors import ConfigError, DynascopeError

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


@dataclass(frozen=True)
class LessonStep:
    """One page of a lesson: sanitised HTML, the knobs that it turns, and perhaps a question."""

    title: str
    html: str
    preset: str = ""
    set: Mapping[str, Any] = field(default_factory=dict)
    question: Question | None = None


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

    def experiment(self, engine: Engine, index: int) -> Experiment:
        """Build what runs at a step: presets and knobs of all steps up to it. Raises `UnknownName`, `ConfigError`."""
        from engines.core.runs.experiment import Experiment

        found = Experiment.from_preset(engine, engine.preset(engine.opening))
        for step in self.steps[: index + 1]:
            found = Experiment.from_preset(engine, engine.preset(step.preset)) if step.preset else found
            found = found.override(step.set) if step.set else found
        found.configs()
        return found


def paths() -> dict[str, Path]:
    """Find the files of all lessons, by name: of each engine in its `assets/lessons`, and the lecturer's own."""
    from engines.core.protocol.registry import BUILT_IN, sources

    engines = sorted(sources().values(), key=lambda source: source.package == BUILT_IN)  # whose names win
    folders = [source.folder / "assets" / "lessons" for source in engines if source.folder]
    if further := os.environ.get(FOLDER_VARIABLE):
        folders.append(Path(further))
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.md")) if path.stem != "README"}


def load(name: str) -> Lesson:
    """Read one lesson, completely checked. Raises `LessonError`."""
    files = paths()
    if name not in files:
        raise LessonError(f"there is no lesson {name!r:.100}; known are {', '.join(files) or 'none'}")
    path = files[name]
    try:
        return _checked(_read(name, path))
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
    found = []
    for index, (start, end) in enumerate(zip(starts, [*starts[1:], len(tokens)], strict=True)):
        title = tokens[start + 1].content
        try:
            found.append(_step(markdown, title, tokens[start + 3 : end], {} if index else first))
        except DAMAGED as error:
            raise LessonError(f"step {index + 1}, {title!r:.100}: {_reason(error)}") from error
    return tuple(found)


def _step(markdown: MarkdownIt, title: str, tokens: list[Any], first: dict[str, Any]) -> LessonStep:
    blocks = {token.info: _yaml(token.content) for token in tokens if token.info in ("set", "predict")}
    text = [token for token in tokens if token.info not in ("set", "predict")]
    html = nh3.clean(markdown.renderer.render(text, markdown.options, {}), tags=TAGS)
    changes = _table("set", blocks.get("set"))
    preset = str(changes.pop("preset", first.get("preset", "")))
    question = _question(_table("predict", blocks["predict"])) if "predict" in blocks else None
    return LessonStep(title, html, preset, dict(first.get("set", {})) | changes, question)


def _question(about: dict[str, Any]) -> Question:
    missing = [key for key in ("question", "choices", "answer", "reveal") if key not in about]
    if missing:
        raise LessonError(f"its question lacks {' and '.join(missing)}")
    choices = tuple(map(str, about["choices"]))
    if str(about["answer"]) not in choices:
        raise LessonError(f"the answer {about['answer']!r} is none of the choices {', '.join(choices)}")
    return Question(str(about["question"]), choices, choices.index(str(about["answer"])), str(about["reveal"]))


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
    known = {*PARTS, *engine.Config.knobs(), *(plot.name for plot in engine.plots)}
    unknown = [name for name in lesson.hide if name not in known]
    if unknown:
        raise LessonError(f"it hides {', '.join(unknown)}; parts are {', '.join(PARTS)}, beside knobs and figures")
    for index, step in enumerate(lesson.steps):
        try:
            lesson.experiment(engine, index)
        except DynascopeError as error:
            raise LessonError(f"step {index + 1}, {step.title!r:.100}: {error}") from error
    return lesson
