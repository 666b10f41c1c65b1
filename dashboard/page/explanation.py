"""What you are seeing: the formula, sentences with the run's numbers in them, and the verdicts, live."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import panel as pn
from panel.viewable import Viewer

from dashboard.ui.component import FOLDER
from dashboard.ui.formatting import number
from engines.core.protocol.errors import FAULTS

if TYPE_CHECKING:
    from engines.core.protocol.declarations import Story, Verdict
    from engines.core.runs.run import Run

log = logging.getLogger(__name__)

STYLE = (FOLDER / "story.css").read_text()

VEIL = "<h2>What you are seeing</h2><p>This is told once you have chosen.</p>"

SIGNS = {True: ("✓", "yes", "holds"), False: ("✗", "no", "does not hold"), None: ("…", "wait", "waiting for the run")}


class StoryPanel(Viewer):
    """The right column."""

    def __init__(self) -> None:
        super().__init__()
        self._pane = pn.pane.HTML("", sizing_mode="stretch_width", stylesheets=[STYLE], margin=0)
        self._veiled = False

    def refresh(self, run: Run, member: int, label: str, edited: str = "") -> None:
        """Tell the story of one member's run so far."""
        text = VEIL if self._veiled else _story(_tell(run, member), label) + _verdicts(_judge(run), edited)
        if text != self._pane.object:
            self._pane.object = text

    def veil(self, hidden: bool) -> None:
        """Say nothing while something is predicted."""
        self._veiled = hidden
        if hidden:
            self._pane.object = VEIL

    def __panel__(self) -> pn.pane.HTML:
        return self._pane


def _tell(run: Run, member: int) -> Story | None:
    try:
        return run.story(member) if len(run) else None
    except FAULTS:
        log.exception("the story of %s failed", run.engine.name)
        return None


def _judge(run: Run) -> list[Verdict]:
    # A run that has only begun may be too short for a fit; that is no failure of the claim.
    try:
        return run.judge()
    except FAULTS:
        log.debug("no verdict yet", exc_info=True)
        return []


def _story(story: Story | None, label: str) -> str:
    parts = ["<h2>What you are seeing</h2>"]
    if story:
        parts += [f"<p class='formula'>{_formula(story.formula)}</p>"] if story.formula else []
        parts += [f"<p class='reference'>Member in focus: {escape(label)}</p>"] if label else []
        parts += [f"<p>{_rich(paragraph)}</p>" for paragraph in story.text.split("\n") if paragraph.strip()]
        parts += [f"<p class='reference'>{escape(story.reference)}</p>"]
    return "".join(parts)


def _rich(text: str) -> str:
    """Escaped text with its **emphasis**.

    >>> _rich("1 < **2**")
    '1 &lt; <b>2</b>'
    >>> _rich("-1.5 and 4.1e-05")
    '−1.5 and 4.1×10⁻⁵'
    """
    numbered = re.sub(r"(?<![\w.])-?\d+(\.\d+)?(e[-+]?\d+)?", _number, text)
    return re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", escape(numbered))


def _number(found: re.Match[str]) -> str:
    text = found.group()
    return number(float(text)) if "e" in text else text.replace("-", "−")


def _formula(text: str) -> str:
    """Escaped text with its subscripts.

    >>> _formula("λ_min(Δ) < 1")
    'λ<sub>min</sub>(Δ) &lt; 1'
    """
    return re.sub(r"_([A-Za-z]+)", r"<sub>\1</sub>", escape(text))


def _verdicts(verdicts: Sequence[Verdict], edited: str) -> str:
    if not verdicts:
        return ""
    caution = f"<p class='reference'>{escape(edited)}: the claims are about runs left alone.</p>" if edited else ""
    rows = "".join(_row(verdict) for verdict in verdicts)
    return f"<h2>Does it hold?</h2>{caution}<table aria-label='claims, measured on this run'>{rows}</table>"


def _claimed(verdict: Verdict) -> str:
    value = number(verdict.predicted)
    return {"above": f"&gt; {value}", "below": f"&lt; {value}"}.get(
        verdict.kind, f"{value} ± {number(verdict.tolerance)}"
    )


def _row(verdict: Verdict) -> str:
    sign, kind, meaning = SIGNS[verdict.holds]
    missing = "waiting" if verdict.holds is None else "none"
    measured = missing if verdict.measured is None else number(verdict.measured)
    numbers = f"measured {measured} · predicted {_claimed(verdict)}"
    return (
        f"<tr><td class='sign {kind}' title='{meaning}' aria-label='{meaning}'>{sign}</td>"
        f"<td><span class='claim'>{_formula(verdict.claim)}</span><span class='numbers'>{numbers}</span></td></tr>"
    )
