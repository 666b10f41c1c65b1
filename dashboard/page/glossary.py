"""The glossary of a lab: terms of art in its texts, each explained one click away, and a list of all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import param

from dashboard.ui import notation
from dashboard.ui.component import FOLDER, Component, script

if TYPE_CHECKING:
    from engines.core.protocol.declarations import Term


def mark_terms(html: str, terms: Sequence[Term]) -> str:
    """Make a button of the first mention of each term in a text of HTML, the longest way to write it first.

    >>> from engines.core.protocol.declarations import Term
    >>> mark_terms("A <b>frame</b>, frames", [Term(name="frame", text="...", forms=("frames",))])
    "A <b><span role='button' tabindex='0' class='term' data-term='frame'>frame</span></b>, frames"
    """
    owners = {form.lower(): term.name for term in terms for form in (term.name, *term.forms)}
    if not owners:
        return html
    forms = sorted(owners, key=len, reverse=True)
    pattern = re.compile(rf"<[^>]*>|(?<![\w-])({'|'.join(map(re.escape, forms))})(?![\w-])", re.IGNORECASE)
    marked: set[str] = set()

    def button(match: re.Match[str]) -> str:
        name = owners[match[1].lower()] if match[1] else ""
        if not name or name in marked:
            return match.group()
        marked.add(name)
        quoted = name.replace("'", "&#39;")
        return f"<span role='button' tabindex='0' class='term' data-term='{quoted}'>{match.group()}</span>"

    return pattern.sub(button, html)


class Glossary(Component):
    """Explains a term beside the mention that was clicked, in a dialog; `entries` are all of a lab."""

    entries = param.List([])

    _esm = script("glossary")
    _stylesheets = [(FOLDER / "glossary.css").read_text()]

    def __init__(self, terms: Sequence[Term], **params: Any) -> None:
        super().__init__(entries=[entry(term) for term in terms], **params)


def entry(term: Term) -> dict[str, str]:
    """Write an entry for the browser: its name, its sentences and its formula as HTML."""
    return {"name": term.name, "text": notation.html(term.text), "formula": notation.formula(term.formula)}
