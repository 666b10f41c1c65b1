"""The claims of the preset as a table: measured, predicted, and whether each holds, or why that is not said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING

from dashboard.ui.formatting import number

if TYPE_CHECKING:
    from dashboard.session.view_state import ViewContext
    from engines.core.protocol.declarations import Verdict

HOLDS = {True: ("✓", "yes", "holds"), False: ("✗", "no", "does not hold")}

WAITING = ("…", "wait", "waiting for the run")

COMPUTING = ("…", "wait", "waiting for the probe that is being computed")

UNMEASURED = ("–", "open", "not measured: the probe that it rests on was not computed")

UNJUDGED = ("–", "off", "not judged: the claim is about the preset's own values")


def verdict_table(
    verdicts: Sequence[Verdict], context: ViewContext, computing: bool, write: Callable[[str], str] = escape
) -> str:
    """Write the claims as HTML; `computing` while a probe is on its way to them, `write(claim)` makes one safe."""
    if not verdicts:
        return ""
    unjudged = context.edited.unjudged
    note = f"Unlike the preset: {unjudged}. The claims are about its own values and are not judged here."
    why = f"<p class='reference'>{escape(note)}</p>" if unjudged else ""
    without = UNJUDGED if unjudged else unanswered(context, computing)
    signs = [without if unjudged or verdict.holds is None else HOLDS[verdict.holds] for verdict in verdicts]
    rows = "".join(_row(verdict, sign, write) for verdict, sign in zip(verdicts, signs, strict=True))
    return f"<h2>Does it hold?</h2>{why}<table aria-label='claims, measured on this run'>{rows}</table>"


def unanswered(context: ViewContext, computing: bool) -> tuple[str, str, str]:
    """Say what a claim without an answer waits for while the run goes on, and why there is none once it has ended."""
    run, status = context.run, context.status
    if not status.message and (status.playing or status.step < status.horizon):
        return WAITING
    if computing:
        return COMPUTING
    if run.preset and len(run) and run.steps[-1] < run.preset.steps:
        return "–", "open", f"not reached: it is judged at step {run.preset.steps:,}, and the run ended before"
    return UNMEASURED


def _row(verdict: Verdict, sign: tuple[str, str, str], write: Callable[[str], str]) -> str:
    mark, kind, meaning = sign
    missing = {"wait": "waiting", "no": "nothing to measure"}.get(kind, "not measured")
    measured = missing if verdict.measured is None else f"measured {number(verdict.measured)}"
    numbers = f"{measured} · predicted {_predicted(verdict)}"
    open_meaning = f"<span class='numbers'>{escape(meaning)}</span>" if kind == "open" else ""
    return (
        f"<tr class='{kind}'><td class='sign {kind}' title='{escape(meaning)}' aria-label='{escape(meaning)}'>{mark}"
        f"</td><td><span class='claim'>{write(verdict.claim)}</span>"
        f"<span class='numbers'>{numbers}</span>{open_meaning}</td>"
        "</tr>"
    )


def _predicted(verdict: Verdict) -> str:
    value = number(verdict.predicted)
    return {"above": f"&gt; {value}", "below": f"&lt; {value}"}.get(
        verdict.kind, f"{value} ± {number(verdict.tolerance)}"
    )
