"""Formulas of labels as mathtext, which matplotlib and Bokeh typeset."""

from __future__ import annotations

import re

RAISED = re.compile(r"([_^])(\{[^{}]*\}|[^\W_]+\*?|½)")
"""A lower or upper index: a group in braces, or the letters and digits that follow."""


def mathtext(text: str) -> str:
    r"""Write the indices of a label so that matplotlib lowers and raises them.

    >>> mathtext("‖FGᵀ − M‖_F"), mathtext("e^{2λ_H t}"), mathtext("5 $ a step")
    ('‖FGᵀ − M‖$_{\\mathrm{F}}$', 'e$^{\\mathrm{2λ_{H}\\ t}}$', '5 \\$ a step')
    """
    return RAISED.sub(_index, _inner(text.replace("$", r"\$")))


def _inner(text: str) -> str:
    """Put indices within a group into braces of their own kind first: a group holds no other group."""
    return text


def _index(match: re.Match[str]) -> str:
    kind, what = match.groups()
    inside = what.strip("{}")
    inside = re.sub(r"_(\w)", r"_\1", inside).replace(" ", r"\ ")
    return rf"${kind}{{\mathrm{{{inside}}}}}$"
