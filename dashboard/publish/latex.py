"""Claims as a LaTeX table, which pdfTeX sets: formulas in mathematics, everything else in plain letters."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from dashboard.publish.style import typeset

SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"$<$", ">": r"$>$", "–": "--", "“": "``", "”": "''",
}  # fmt: skip

FORMULA = re.compile(r"([(\[]*)(\S*?)([.,;:]*)")
"""A word: what opens before it, itself, and what comes after."""


class JudgedClaim(NamedTuple):
    """A claim of a run: as the run itself was judged, and what was measured on each fresh seed."""

    run: str
    verdict: Mapping[str, Any]
    fresh: Sequence[Mapping[str, Any]]


def verdict_table(judged: Sequence[JudgedClaim], fresh: int) -> str:
    """Write the claims of runs: measured, predicted, on fresh seeds where there are some, and whether they hold."""
    heads = ["claim", "measured", "predicted", *(["fresh seeds"] if fresh else []), "holds"]
    lines = [
        r"\begin{longtable}{p{0.42\linewidth}" + "l" * (len(heads) - 1) + "}", r"\toprule",
        rf"{' & '.join(heads)} \\", r"\midrule", r"\endhead",
    ]  # fmt: skip
    for name, claims in groupby(judged, lambda each: each.run):
        lines.append(rf"\multicolumn{{{len(heads)}}}{{l}}{{\textit{{{escaped(name)}}}}} \\")
        lines += [_row(each.verdict, each.fresh, fresh) for each in claims]
    said = f"% Fresh seeds: mean and standard deviation over {fresh} runs, and in how many the claim holds.\n"
    return (said if fresh else "") + "\n".join([*lines, r"\bottomrule", r"\end{longtable}", ""])


def _row(verdict: Mapping[str, Any], fresh: Sequence[Mapping[str, Any]], count: int) -> str:
    sign = {"above": ">", "below": "<"}.get(verdict["kind"], "")
    predicted = f"${sign} {number(verdict['predicted'])}$" if sign else (
        rf"${number(verdict['predicted'])} \pm {number(verdict['tolerance'])}$"
    )  # fmt: skip
    cells = [prose(verdict["claim"]), _measured(verdict["measured"]), predicted]
    if count:
        cells.append(_spread(fresh))
    return rf"{' & '.join([*cells, {True: 'yes', False: 'no'}.get(verdict['holds'], '--')])} \\"


def _measured(value: float | None) -> str:
    return "--" if value is None else f"${number(value)}$"


def _spread(fresh: Sequence[Mapping[str, Any]]) -> str:
    values = [each["measured"] for each in fresh if each["measured"] is not None]
    holding = f"{sum(each['holds'] is True for each in fresh)}/{len(fresh)}"
    if not values:
        return f"-- ({holding})"
    error = rf" \pm {number(statistics.stdev(values))}" if len(values) > 1 else ""
    return f"${number(statistics.fmean(values))}{error}$ ({holding})"


def number(value: float) -> str:
    r"""Write a number in at most four significant digits, for mathematics.

    >>> number(0.25), number(-1.5e-9), number(float("inf"))
    ('0.25', '-1.5 \\times 10^{-9}', '\\infty')
    """
    if not math.isfinite(value):
        return r"\infty" if value > 0 else r"-\infty" if value < 0 else r"\mathrm{nan}"
    digits, _, power = f"{value:.4g}".partition("e")
    return rf"{digits} \times 10^{{{int(power)}}}" if power else digits


def prose(text: str) -> str:
    r"""Write a claim: words that are formulas in mathematics, the others with LaTeX's own signs escaped.

    >>> prose("50 % of λ_min, late")
    '50 \\% of $\\lambda _{\\mathrm{min}}$, late'
    """
    return " ".join(_word(word) for word in text.split(" "))


def _word(word: str) -> str:
    match = FORMULA.fullmatch(word)
    if match is None or (word.isascii() and not re.search(r"[_^]", word)):
        return escaped(word)
    opened, inner, ended = match.groups()
    if inner.count(")") > inner.count("("):
        opened, inner = opened[:-1], opened[-1:] + inner
    made = typeset(inner)
    return f"{opened}{made}{ended}" if made else escaped(word)


def escaped(text: str) -> str:
    """Escape LaTeX's own signs."""
    return "".join(SPECIAL.get(sign, sign) for sign in text)
