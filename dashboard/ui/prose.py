"""Explanations of an engine as HTML: the formula, the sentences with the run's numbers in them, the reference."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

from dashboard.ui import notation
from dashboard.ui.formatting import number

if TYPE_CHECKING:
    from engines.core.protocol.declarations import Story


def story(current: Story | None, label: str, mark: Callable[[str], str] = lambda words: words) -> str:
    """Write what a reader is seeing as HTML; `label` names the member in focus, `mark(words)` marks terms in them."""
    paragraphs = ["<h2>What you are seeing</h2>"]
    if current:
        words = "".join(f"<p>{rich(paragraph)}</p>" for paragraph in current.text.split("\n") if paragraph.strip())
        paragraphs += [f"<p class='formula'>{notation.formula(current.formula)}</p>"] if current.formula else []
        paragraphs += [f"<p class='reference'>Member in focus: {escape(label)}</p>"] if label else []
        paragraphs += [mark(words)]
        paragraphs += [f"<p class='reference'>{escape(current.reference)}</p>"]
    return "".join(paragraphs)


def rich(text: str) -> str:
    """Escape a text, and show its **emphasis**, its numbers and its subscripts as they are written.

    >>> rich("1 < **2**")
    '1 &lt; <b>2</b>'
    >>> rich("-1.5 and 4.1e-05")
    '−1.5 and 4.1×10⁻⁵'
    """
    numbered = re.sub(r"(?<![\w.])-?\d+(\.\d+)?(e[-+]?\d+)?", _number, text)
    return re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", notation.html(numbered))


def _number(match: re.Match[str]) -> str:
    text = match.group()
    return number(float(text)) if "e" in text else text.replace("-", "−")
