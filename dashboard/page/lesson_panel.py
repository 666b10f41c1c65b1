"""The panel of a lesson: which step is open, what was answered, and what the lab plays meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import param

from dashboard.ui.component import FOLDER, Component, script, whole

if TYPE_CHECKING:
    from dashboard.session.lessons import Lesson, Question


class LessonPanel(Component):
    """Shows the steps of a lesson. `play(index, paused)` has the lab run what a step asks for, or wait at its start."""

    shown = param.Dict({})

    _esm = script("lesson_panel")
    _stylesheets = [(FOLDER / "lesson_panel.css").read_text()]

    def __init__(self, lesson: Lesson, index: int, play: Callable[[int, bool], None]) -> None:
        self.lesson, self.index = lesson, min(index, len(lesson.steps) - 1)
        self._play = play
        self._chosen: dict[int, int] = {}
        super().__init__(shown=self._content())

    @property
    def question_open(self) -> bool:
        """Whether a question waits for its answer: what it asks about is not played yet."""
        return self.lesson.steps[self.index].question is not None and self.index not in self._chosen

    def _handle_msg(self, data: dict[str, Any]) -> None:
        step = self.lesson.steps[self.index]
        if "go" in data and 0 <= whole(data, "go") < len(self.lesson.steps):
            self.index = whole(data, "go")
            self._play(self.index, self.question_open)
        elif "choose" in data and self.question_open and step.question:
            if 0 <= whole(data, "choose") < len(step.question.choices):
                self._chosen[self.index] = whole(data, "choose")
                self._play(self.index, False)
        self.shown = self._content()

    def _content(self) -> dict[str, Any]:
        step = self.lesson.steps[self.index]
        place = {"index": self.index, "count": len(self.lesson.steps)}
        question = self._question(step.question) if step.question else None
        return {"lesson": self.lesson.title, "title": step.title, "html": step.html, "question": question, **place}

    def _question(self, question: Question) -> dict[str, Any]:
        """Return the question; the answer leaves the server only once something was chosen."""
        chosen = self._chosen.get(self.index)
        about = {"question": question.question, "choices": list(question.choices), "chosen": chosen}
        return about if chosen is None else about | {"answer": question.answer, "reveal": question.reveal}
