"""The explanation beside the plots: a formula, sentences with the run's numbers in them, and the verdicts, live."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import panel as pn
from panel.viewable import Viewer

from dashboard.page.glossary import mark_terms
from dashboard.page.messages import Messages
from dashboard.page.verdict_table import verdict_table
from dashboard.ui import notation
from dashboard.ui.component import FOLDER
from dashboard.ui.formatting import number
from dashboard.ui.styles import DIMS

if TYPE_CHECKING:
    from dashboard.session.view_state import ViewContext
    from engines.core.protocol.declarations import Story, Term

STYLE = (FOLDER / "explanation.css").read_text()

HIDDEN = "<h2>What you are seeing</h2><p>This is told once you have chosen.</p>"
"""HTML in place of the explanation while the reader predicts."""


class Explanation(Viewer):
    """Explains the member in focus and judges the claims of the preset; what fails is one of the `messages`."""

    def __init__(self, messages: Messages) -> None:
        super().__init__()
        self._messages = messages
        self._pane = pn.pane.HTML("", sizing_mode="stretch_width", stylesheets=[STYLE, DIMS], margin=0)
        self._hidden = False

    def show(self, context: ViewContext, computing: bool = False) -> None:
        """Explain the run of the member in focus as far as it has come; `computing` while a probe is for verdicts."""
        text = HIDDEN if self._hidden else self._text(context, computing)
        if text != self._pane.object:
            self._pane.object = text

    def _text(self, context: ViewContext, computing: bool) -> str:
        run, attempt = context.run, self._messages.attempt
        story = attempt("The explanation", lambda: run.story(context.focus), None) if len(run) else None
        verdicts = attempt("The judgement of the claims", run.judge, [])
        claims = verdict_table(verdicts, context, computing, notation.html)
        return _story(story, context.label, run.engine.glossary) + claims

    def hide(self, hidden: bool) -> None:
        """Say nothing while something is predicted."""
        self._hidden = hidden
        if hidden:
            self._pane.object = HIDDEN

    def __panel__(self) -> pn.pane.HTML:
        return self._pane


def _story(story: Story | None, label: str, terms: Sequence[Term]) -> str:
    parts = ["<h2>What you are seeing</h2>"]
    if story:
        words = "".join(f"<p>{_rich(paragraph)}</p>" for paragraph in story.text.split("\n") if paragraph.strip())
        parts += [f"<p class='formula'>{_formula(story.formula)}</p>"] if story.formula else []
        parts += [f"<p class='reference'>Member in focus: {escape(label)}</p>"] if label else []
        parts += [mark_terms(words, terms)]
        parts += [f"<p class='reference'>{escape(story.reference)}</p>"]
    return "".join(parts)


def _rich(text: str) -> str:
    """Escape a text, and show its **emphasis**, its numbers and its subscripts as they are written.

    >>> _rich("1 < **2**")
    '1 &lt; <b>2</b>'
    >>> _rich("-1.5 and 4.1e-05")
    '−1.5 and 4.1×10⁻⁵'
    """
    numbered = re.sub(r"(?<![\w.])-?\d+(\.\d+)?(e[-+]?\d+)?", _number, text)
    return re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", notation.html(numbered))


def _number(match: re.Match[str]) -> str:
    text = match.group()
    return number(float(text)) if "e" in text else text.replace("-", "−")


def _formula(text: str) -> str:
    """Escape a formula, and set its variables and subscripts.

    >>> _formula("λ_min(Δ) < 1")
    'λ<sub>min</sub>(Δ) &lt; 1'
    """
    return notation.formula(text)
