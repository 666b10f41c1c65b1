"""The explanation beside the plots: a formula, sentences with the run's numbers in them, and the verdicts, live."""

from __future__ import annotations

from typing import TYPE_CHECKING

import panel as pn
from panel.viewable import Viewer

from dashboard.figures.verdict_table import verdict_table
from dashboard.page.glossary import mark_terms
from dashboard.page.messages import Messages
from dashboard.ui import notation, prose
from dashboard.ui.component import FOLDER
from dashboard.ui.styles import DIMS

if TYPE_CHECKING:
    from dashboard.session.view_state import ViewContext

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
        words = prose.story(story, context.label, lambda text: mark_terms(text, run.engine.glossary))
        return words + claims

    def hide(self, hidden: bool) -> None:
        """Say nothing while something is predicted."""
        self._hidden = hidden
        if hidden:
            self._pane.object = HIDDEN

    def __panel__(self) -> pn.pane.HTML:
        return self._pane
