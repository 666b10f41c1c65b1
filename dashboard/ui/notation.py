"""The engines' one notation for formulas, as each place needs it: HTML, plain Unicode, TeX.

Engines write Unicode (`‖FGᵀ − M‖`, `λ̂`, `10⁻⁶`), with `_` before a subscript and `^` before a superscript. Braces hold
several signs together; without them a subscript goes on for as long as there are letters and digits: `λ_min(Δ)`,
`‖M‖_F`, `e^{−λ_H t}`. What is drawn on canvas has no raised letters of its own: it gets Unicode's, and small capitals
for capital subscripts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape

_LOW = dict(zip("0123456789+−-=()aehijklmnoprstuvxβγρφχ", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ", strict=True))
_SMALL = dict(zip("ABCDEFGHIJKLMNOPRSTUVWZ", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡᴢ", strict=True))
_HIGH = dict(zip("0123456789+−-=()iknxtT*", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁱᵏⁿˣᵗᵀ*", strict=True))

_SCRIPT = re.compile(r"(?<=\S)([_^])(?:\{((?:[^{}]|\{[^{}]*\})*)\}|([A-Za-zα-ω0-9]+|[½*]))")
"""A subscript or a superscript: its sign, and its text in braces or without."""

_VARIABLE = re.compile(r"(?<![A-Za-z&;])(?:[a-z]|[A-Zd]?[A-Z]{1,2}|d[A-Zh]|[A-Z][a-z]?(?=[^a-z]|$))(?![A-Za-z;])")
_UPRIGHT = {"Tr", "Re", "Im", "NC", "GD"}

_TEX = {
    "‖": r"\Vert ", "⟨": r"\langle ", "⟩": r"\rangle ", "·": r"\cdot ", "×": r"\times ", "−": "-", "←": r"\leftarrow ",
    "→": r"\to ", "≤": r"\leq ", "≥": r"\geq ", "≠": r"\neq ", "∞": r"\infty ", "∇": r"\nabla ", "~": r"\sim ",
    "Σ": r"\Sigma ", "Δ": r"\Delta ", "…": r"\ldots ", "#": r"\#", "{": r"\{", "}": r"\}", "%": r"\%", " ": r"\ ",
    "½": "1/2",
}  # fmt: skip
_GREEK = dict(zip(
    "αβγδεηθκλμνξπρστφχψω",
    "alpha beta gamma delta epsilon eta theta kappa lambda mu nu xi pi rho sigma tau phi chi psi omega".split(),
    strict=True,
))  # fmt: skip
_SUBSCRIPTED = {low: sign for sign, low in _LOW.items() if sign != "-"}
_SUPERSCRIPTED = {high: sign for sign, high in _HIGH.items() if high != sign and sign != "-"}


def plain(text: str) -> str:
    """Write a text with Unicode's subscripts and superscripts, for canvas and wherever no markup is read.

    >>> plain("‖M‖_F"), plain("λ_min(Δ)"), plain("e^{−λ_H t}"), plain("x^{k}")
    ('‖M‖ꜰ', 'λₘᵢₙ(Δ)', 'exp(−λʜ t)', 'xᵏ')
    """
    text = re.sub(r"(?<![A-Za-z])e\^\{((?:[^{}]|\{[^{}]*\})*)\}", r"exp(\1)", text)
    return _replaced(text, _plain_script)


def _plain_script(sign: str, inner: str) -> str:
    signs = {"_": _LOW | _SMALL, "^": _HIGH}[sign]
    if all(one in signs for one in inner):
        return "".join(signs[one] for one in inner)
    return f" {plain(inner)}" if sign == "_" else f"^({plain(inner)})"


def settable(text: str) -> bool:
    """Decide whether Unicode has all subscripts and superscripts of a text.

    >>> settable("‖M‖_F"), settable("N_eff")
    (True, False)
    """
    styles: list[bool] = []

    def check(sign: str, inner: str) -> str:
        styles.append(all(one in {"_": _LOW | _SMALL, "^": _HIGH}[sign] for one in inner))
        return ""

    _replaced(text, check)
    return all(styles)


def html(text: str) -> str:
    """Escape a text and set its subscripts and superscripts.

    >>> html("λ_min(Δ) < e^{−λ_H t}")
    'λ<sub>min</sub>(Δ) &lt; e<sup>−λ<sub>H</sub> t</sup>'
    """
    return _replaced(escape(text, quote=False), lambda sign, inner: _html_script(sign, inner))


def _html_script(sign: str, inner: str) -> str:
    tag = {"_": "sub", "^": "sup"}[sign]
    return f"<{tag}>{_replaced(inner, _html_script)}</{tag}>"


def formula(text: str) -> str:
    """Write a formula as HTML: like `html`, with variables in italics.

    >>> formula("‖FGᵀ − M‖_F")
    '‖<i>FG</i>ᵀ − <i>M</i>‖<sub><i>F</i></sub>'
    """
    pieces = re.split(r"(<[^>]*>|&\w+;)", html(text))
    return "".join(piece if piece.startswith(("<", "&")) else _VARIABLE.sub(_italic, piece) for piece in pieces)


def _italic(match: re.Match[str]) -> str:
    return match.group() if match.group() in _UPRIGHT else f"<i>{match.group()}</i>"


def tex(text: str) -> str:
    r"""Write a formula as TeX, without its dollars; words in it stand upright.

    >>> tex("‖FGᵀ − M‖_F"), tex("λ_min"), tex("X*")
    ('\\Vert FG^{T}\\ -\\ M\\Vert _{F}', '\\lambda _{\\mathrm{min}}', 'X^{*}')
    """
    return _replaced(text, lambda sign, inner: f"\0{sign}\1{inner}\2", _tex_letters)


def _tex_letters(text: str) -> str:
    formula = re.sub(r"√(\([^()]*\)|⟨[^⟩]*⟩|\w+)", lambda match: f"\\sqrt\1{match[1]}\2", text)
    formula = re.sub(rf"(?<=[A-Za-z)‖])\*(?![{''.join(_SUPERSCRIPTED)}])", "^\1*\2", formula)
    formula = re.sub("(.)\u0302", lambda match: f"\\hat\1{match[1]}\2", formula)
    formula = re.sub(r"(?<!\\)\b[A-Za-z]{2,}", _tex_word, formula)
    formula = _runs(formula, "_", _SUBSCRIPTED)
    formula = _runs(formula, "^", _SUPERSCRIPTED)
    formula = "".join(f"\\{_GREEK[one]} " if one in _GREEK else _TEX.get(one, one) for one in formula)
    return formula.replace("\0", "").replace("\1", "{").replace("\2", "}")


def _tex_word(match: re.Match[str]) -> str:
    word = match.group()
    product = word not in _UPRIGHT and len(word) <= 3 and any(letter.isupper() for letter in word)
    return word if product else f"\\mathrm\1{word}\2"


def _runs(text: str, sign: str, letters: dict[str, str]) -> str:
    """Write each run of Unicode's lowered or raised letters as one script of TeX."""
    run = f"[{''.join(map(re.escape, letters))}]+"
    return re.sub(run, lambda match: f"{sign}\1{''.join(map(letters.__getitem__, match.group()))}\2", text)


def _replaced(text: str, write: Callable[[str, str], str], finish: Callable[[str], str] = str) -> str:
    """Write each outermost subscript and superscript of a text anew."""
    return finish(_SCRIPT.sub(lambda match: write(match[1], match[2] if match[2] is not None else match[3]), text))
