"""Writes names, numbers and errors as the page shows them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eta": "η", "kappa": "κ", "lambda": "λ",
    "mu": "μ", "rho": "ρ", "sigma": "σ", "tau": "τ", "theta": "θ", "omega": "ω",
}  # fmt: skip
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def words(name: str) -> str:
    """Write the name of a knob, or of a choice, in words and as it reads in a formula.

    >>> words("alpha"), words("init_ratio"), words("scaled_gd_lambda")
    ('α', 'init ratio', 'scaled gd λ')
    """
    return " ".join(GREEK.get(word, word) for word in name.split("_"))


def sentence(error: Exception) -> str:
    """Write an error as it is shown beside a knob: without the name of a class, and without endless digits.

    >>> sentence(ValueError("Model.seed=99999999999999999999999999 is outside its bounds"))
    'seed=1e+26 is outside its bounds'
    """
    text = re.sub(r"^\w*\.(?=\w+=)", "", str(error))
    return re.sub(r"\d{20,}", lambda match: f"{float(match.group()[:300]):.3g}", text)


def number(value: Any) -> str:
    """Write a value in at most four significant digits, with powers of ten as such.

    >>> number(0.30000001), number(1.25e-9), number(20000), number("gd")
    ('0.3', '1.25×10⁻⁹', '20000', 'gd')
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞" if value < 0 else "–"
    text = str(value) if isinstance(value, int) and abs(value) < 10**6 else f"{value:.4g}"
    if "e" not in text:
        return text.replace("-", "−")
    digits, power = text.split("e")
    return f"{digits}×10{str(int(power)).translate(_SUPERSCRIPT)}".replace("-", "−")


def describe(values: dict[str, Any]) -> str:
    """Write some knobs and their values in one line.

    >>> describe({"method": "scaled_gd", "alpha": 0.2, "seed": 1})
    'scaled gd, α = 0.2, seed = 1'
    """
    return ", ".join(_pair(name, value) for name, value in values.items())


def knob_value(value: Any) -> str:
    """Write the value of a knob: a choice in words, a number in at most four digits."""
    return words(value) if isinstance(value, str) else number(value)


def listed(texts: Sequence[str], most: int, unit: str) -> str:
    """List texts in a line; of more than `most`, the first three, the last and how many there are.

    >>> listed([str(n) for n in range(40)], 12, "values")
    '0, 1, 2, … 39 (40 values)'
    """
    if len(texts) <= most:
        return ", ".join(texts)
    return f"{', '.join(texts[:3])}, … {texts[-1]} ({len(texts)} {unit})"


def _pair(name: str, value: Any) -> str:
    # A choice names itself: "symmetric" needs no "parameterization =" before it.
    return words(value) if isinstance(value, str) else f"{words(name)} = {number(value)}"
