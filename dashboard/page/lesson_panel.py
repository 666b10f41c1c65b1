"""The panel of a lesson: which page is open, what was answered and brought about, and what the lab plays meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import param

from dashboard.session.lessons import Progress
from dashboard.ui.component import FOLDER, Component, script, whole

if TYPE_CHECKING:
    from dashboard.session.lessons import Lesson, LessonStep, Question
    from dashboard.session.view_state import ViewContext
    from engines.core.protocol.engine import Engine
    from engines.core.runs.experiment import Experiment

Stage = Literal["question", "watching", "open"]
"""A question waits; it was answered and its run is on the way; nothing is held back."""

HARMLESS = ("link", "help", "close")
"""Commands that neither play nor change a run."""

CHANGING = ("undo", "redo", "reseed", "branch", "action")
"""Commands that put another run in place of the one that a question is about."""


class LessonPanel(Component):
    """Shows the pages of a lesson.

    `play(paused)` has the lab run what the open page asks for, or wait at its start; `changed()` hears when another
    stage begins; `turn(knobs)` turns knobs. `follow_up` is the title and the address of the lesson that comes next.
    """

    shown = param.Dict({})

    pages = param.List([], doc="All pages as they are printed.")

    _esm = script("progress", "lesson_panel")
    _stylesheets = [(FOLDER / "lesson_panel.css").read_text()]

    def __init__(
        self,
        lesson: Lesson,
        index: int,
        play: Callable[[bool], None],
        changed: Callable[[], None] = lambda: None,
        turn: Callable[[dict[str, Any]], None] = lambda knobs: None,
        follow_up: Mapping[str, str] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.lesson, self.index = lesson, min(index, len(lesson.steps) - 1)
        self._play, self._changed, self._turn, self._follow_up = play, changed, turn, follow_up
        self.progress = progress or Progress()
        super().__init__(shown=self._content(), pages=[_printed(step) for step in lesson.steps])

    @property
    def step(self) -> LessonStep:
        """The page that is open."""
        return self.lesson.steps[self.index]

    def experiment(self, engine: Engine) -> Experiment:
        """Build what runs at the page that is open."""
        return self.lesson.experiment(engine, self.index)

    @property
    def stage(self) -> Stage:
        """Say what may be seen: while a question is asked or its run watched, nothing that tells the answer."""
        if self.step.question is None or self.index in self.progress.answered:
            return "open"
        return "watching" if self.index in self.progress.chosen else "question"

    def allows(self, command: str) -> bool:
        """Say whether a command may be carried out: nothing plays while a question waits, nor changes its run."""
        if self.stage == "question":
            return command in HARMLESS
        return self.stage == "open" or command not in CHANGING

    def figures(self) -> tuple[str, ...] | None:
        """Return the figures that may be seen now; None for all."""
        question = self.step.question
        if question is None or self.stage == "open":
            return None
        return question.show if self.stage == "question" else self.step.figures

    def follow(self, context: ViewContext) -> None:
        """Take note of how far the run has come: then an answer is told, and a goal reached."""
        step = self.step
        if self.stage == "watching" and step.question and _arrived(step.question, context):
            self.progress.answered.add(self.index)
            self.shown = self._content()
            self._changed()
        if step.goal and self.index not in self.progress.reached and step.goal.reached(context.run, context.configs):
            self.progress.reached.add(self.index)
            self.shown = self._content()

    # -- what the reader does ----------------------------------------------------------------------------------

    def _handle_msg(self, data: dict[str, Any]) -> None:
        if "go" in data and 0 <= whole(data, "go") < len(self.lesson.steps):
            self._open(whole(data, "go"))
        elif "choose" in data and self.stage == "question":
            self._choose(whole(data, "choose"))
        elif "solve" in data and self.step.goal:
            self._turn(dict(self.step.goal.solution))
        elif "restore" in data:
            self._restore(data["restore"])
        elif "afresh" in data:
            self.progress.chosen.clear()
            self.progress.answered.clear()
            self.progress.reached.clear()
            self._open(0)
        self.shown = self._content()

    def _open(self, index: int) -> None:
        self.index = index
        self._play(self.stage == "question")

    def _choose(self, choice: int) -> None:
        question = self.step.question
        if question and 0 <= choice < len(question.choices):
            self.progress.chosen[self.index] = choice
            self._play(False)

    def _restore(self, answers: Any) -> None:
        """Take up what this browser knows of an earlier visit: what was chosen at each page with a question."""
        before, stored = self.stage, answers if isinstance(answers, dict) else {}
        for index, step in enumerate(self.lesson.steps):
            choice = stored.get(str(index))
            if step.question and choice in step.question.choices:
                self.progress.chosen[index] = step.question.choices.index(choice)
                self.progress.answered.add(index)
        if self.stage != before:
            self._play(False)

    # -- what is shown -----------------------------------------------------------------------------------------

    def _content(self) -> dict[str, Any]:
        step, last = self.step, self.index + 1 == len(self.lesson.steps)
        return {
            "name": self.lesson.name,
            "lesson": self.lesson.title,
            "title": step.title,
            "html": step.html,
            "index": self.index,
            "count": len(self.lesson.steps),
            "stage": self.stage,
            "looks": bool(step.figures),
            "question": self._question(step.question) if step.question else None,
            "goal": self._goal(),
            "follow_up": dict(self._follow_up) if last and self._follow_up else None,
        }

    def _question(self, question: Question) -> dict[str, Any]:
        """Return the question; the answer leaves the server only once the run has come to it."""
        chosen = self.progress.chosen.get(self.index)
        about = {"question": question.question, "choices": list(question.choices), "chosen": chosen}
        texts = {"answer": question.answer, "reveal": question.reveal}
        return about | texts if self.stage == "open" else about | {"at": question.at}

    def _goal(self) -> dict[str, Any] | None:
        """Return the goal; what is said of it once it is reached leaves the server only then."""
        goal, reached = self.step.goal, self.index in self.progress.reached
        return {"task": goal.task, "reached": reached, "done": goal.done if reached else ""} if goal else None


def _printed(step: LessonStep) -> dict[str, Any]:
    """Return a page as it is printed: its text, and what it asks, without the answer."""
    about: dict[str, Any] = {"title": step.title, "html": step.html, "task": step.goal.task if step.goal else ""}
    if step.question:
        return about | {"question": step.question.question, "choices": list(step.question.choices)}
    return about | {"question": "", "choices": []}


def _arrived(question: Question, context: ViewContext) -> bool:
    """Say whether the run has come to where the answer is seen, or will not come any further."""
    run, status = context.run, context.status
    if not context.rows:
        return False
    gone = bool((run.diverged_at >= 0).all())
    return bool(run.steps[-1] >= (question.at or status.horizon)) or bool(status.message) or gone
