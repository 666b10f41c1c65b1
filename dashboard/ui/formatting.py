"""Writes names, numbers and errors as the page shows them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dashboard.ui.notation import plain

if TYPE_CHECKING:
    from engines.core.protocol.config import Knob

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eta": "η", "kappa": "κ", "lambda": "λ",
    "mu": "μ", "rho": "ρ", "sigma": "σ", "tau": "τ", "theta": "θ", "omega": "ω",
}  # fmt: skip
ONE_OF = " is not one of "
"""Stands between a value that is no choice of a knob and the choices that there are."""

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def words(name: str) -> str:
    """Write the name of a knob, or of a choice, in words and as it reads in a formula.

    >>> words("alpha"), words("init_ratio"), words("scaled_gd_lambda")
    ('α', 'init ratio', 'scaled gd λ')
    """
    return " ".join(GREEK.get(word, word) for word in name.split("_"))


def knob_name(knob: Knob) -> str:
    """Write what readers call a knob, and what its values are named by."""
    return plain(knob.label) or words(knob.name)


def sentence(error: object, knobs: Mapping[str, Knob] | None = None) -> str:
    """Write an error, or a text that quotes one, as readers see it: no name of a class, and no endless digits.

    >>> sentence(ValueError("Model.seed=99999999999999999999999999 is outside its bounds"))
    'seed=1e+26 is outside its bounds'
    """
    text = re.sub(r"\b[A-Z]\w*\.(?=[a-z]\w*=)", "", str(error))
    return readable(re.sub(r"\d{20,}", lambda match: f"{float(match.group()[:300]):.3g}", text), knobs or {})


def readable(text: str, knobs: Mapping[str, Knob]) -> str:
    """Write knobs and their choices by the names that readers know, where a text has those of the code.

    A knob is meant by `name=value`, and by a name that is no English word alone: one with an underscore in it. What is
    written for readers already stays as it is.

    >>> from engines.core.protocol.config import Knob
    >>> knobs = {"p": Knob(name="p", label="outliers p"), "method": Knob(name="method", choices=("gd", "one_step"))}
    >>> readable("p=1000000000.0 is outside its bounds [0, 0.95]", knobs), readable("outliers p = 2", knobs)
    ('outliers p = 10⁹ is outside its bounds [0, 0.95]', 'outliers p = 2')
    >>> readable("method='x' is not one of gd, one_step", knobs)
    'method = x is not one of gd, one step'
    """

    def assigned(match: re.Match[str]) -> str:
        knob = knobs.get(match[1])
        if knob is None:
            return match.group()
        name, before = knob_name(knob), text[: match.end(1)]
        shown, others = match[1] if before.endswith(name) else name, (match[3] or "").split(", ")
        choices = ", ".join(choice_name(each, knob) for each in others if each)
        return f"{shown} = {_as_read(match[2], knob)}" + (f"{ONE_OF}{choices}" if choices else "")

    def named(match: re.Match[str]) -> str:
        knob = knobs.get(match.group())
        return knob_name(knob) if knob else match.group()

    text = re.sub(r"bounds \[(\S+), (\S+)\]", lambda ends: f"bounds [{_tidy(ends[1])}, {_tidy(ends[2])}]", text)
    text = re.sub(rf"\b([a-z]\w*) ?= ?'?([\w.+/-]*\w)'?(?:{ONE_OF}(\w+(?:, \w+)*))?", assigned, text)
    return re.sub(r"\b[a-z0-9]+(?:_[a-z0-9]+)+\b", named, text)


def _as_read(value: str, knob: Knob) -> str:
    return choice_name(value, knob) if knob.choices else _tidy(value)


def _tidy(value: str) -> str:
    """Write a number that Python wrote as readers know it; other texts stay."""
    try:
        return number(int(value) if value.lstrip("-").isdigit() else float(value))
    except ValueError:
        return value


def number(value: Any) -> str:
    """Write a value in at most four significant digits, with powers of ten as such.

    >>> number(0.30000001), number(1.25e-9), number(1e-8), number("gd")
    ('0.3', '1.25×10⁻⁹', '10⁻⁸', 'gd')
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞" if value < 0 else "–"
    text = str(value) if isinstance(value, int) and abs(value) < 10**6 else f"{value:.4g}"
    if "e" not in text:
        return text.replace("-", "−")
    digits, power = text.split("e")
    digits = digits.removesuffix("1") if digits in ("1", "-1") else f"{digits}×"
    return f"{digits}10{str(int(power)).translate(_SUPERSCRIPT)}".replace("-", "−")


def describe(values: Mapping[str, Any], knobs: Mapping[str, Knob]) -> str:
    """Write some knobs and their values in one line.

    >>> from engines.core.protocol.config import Knob
    >>> knobs = {"method": Knob(choices=("scaled_gd",), labels={"scaled_gd": "ScaledGD"}), "alpha": Knob(name="alpha")}
    >>> describe({"method": "scaled_gd", "alpha": 0.2}, knobs)
    'ScaledGD, α = 0.2'
    """
    return ", ".join(_pair(knobs[name], value) for name, value in values.items())


def knob_value(value: Any, knob: Knob) -> str:
    """Write the value of a knob: a choice by its label or in words, a number in at most four digits."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return choice_name(value, knob) if isinstance(value, str) else number(value)


def choice_name(choice: str, knob: Knob) -> str:
    """Write what readers call a choice of a knob; other texts, such as paths, stay as they are."""
    label = knob.labels.get(choice, "")
    return plain(label) or (words(choice) if knob.choices and choice in knob.choices else choice)


def listed(texts: Sequence[str], most: int, unit: str) -> str:
    """List texts in a line; of more than `most`, the first three, the last and how many there are.

    >>> listed([str(n) for n in range(40)], 12, "values")
    '0, 1, 2, … 39 (40 values)'
    """
    if len(texts) <= most:
        return ", ".join(texts)
    return f"{', '.join(texts[:3])}, … {texts[-1]} ({len(texts)} {unit})"


def _pair(knob: Knob, value: Any) -> str:
    # A choice names itself: "symmetric" needs no "parameterization =" before it.
    alone = isinstance(value, str) and knob.choices
    text = (
        ", ".join(knob_value(one, knob) for one in value)
        if isinstance(value, (list, tuple))
        else knob_value(value, knob)
    )
    return text if alone else f"{knob_name(knob)} = {text}"
