"""The form that makes an ensemble: it spreads one knob or two over values, and a run over seeds."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import param

from dashboard.ui.component import Component, script, sheet
from dashboard.ui.formatting import knob_name, sentence
from dashboard.ui.styles import DIMS
from engines.core.protocol.config import Config, Knob
from engines.core.protocol.errors import ConfigError, DynascopeError

MOST_PER_AXIS = 256
"""Members along one axis that the page offers."""


def axis(knob: Knob, low: str, high: str, count: str) -> list[Any]:
    """Compute `count` values of a knob from `low` to `high`, evenly on its own scale. Raises `ConfigError`.

    >>> axis(Knob(name="alpha", log=True), "0.01", "1", "3")
    [0.01, 0.1, 1.0]
    """
    many = _whole("number of values", count)
    first, last = (float(knob.check("", knob.parse(end))) for end in (low, high))
    if knob.log and min(first, last) <= 0:
        raise ConfigError(f"{knob.name} is spread on a logarithmic scale: both ends must be positive")
    shares = [i / (many - 1) if many > 1 else 0.0 for i in range(many)]
    if knob.log:
        values = [math.exp(math.log(first) + s * (math.log(last) - math.log(first))) for s in shares]
    else:
        values = [first + s * (last - first) for s in shares]
    rounded = [round(value) if knob.type is int else float(f"{value:.4g}") for value in values]
    return [knob.check("", value) for value in dict.fromkeys(rounded)]


def _whole(what: str, text: str) -> int:
    if not (re.fullmatch(r"\s*[0-9]{1,8}\s*", text) and 1 <= int(text) <= MOST_PER_AXIS):
        raise ConfigError(f"the {what}, {text.strip()!r}, is not a whole number from 1 to {MOST_PER_AXIS}")
    return int(text)


RANGE = re.compile(r"(.+?)\s*(?:…|\.\.\.?|\bto\b)\s*(.+?)(?:\s*[×x*]\s*(\d+))?")
"""A range as it is typed: its ends, and how many values are taken from it."""

USUAL = "5"
"""Values of a range that names no number."""


def read_values(knob: Knob, text: str) -> list[Any]:
    """Read values of a knob: a list with commas, or a range with a number of values. Raises `ConfigError`.

    >>> knob = Knob(name="alpha", log=True)
    >>> read_values(knob, "0.1, 0.3, 1"), read_values(knob, "0.01 … 1 × 3")
    ([0.1, 0.3, 1.0], [0.01, 0.1, 1.0])
    """
    if match := RANGE.fullmatch(text.strip()):
        return axis(knob, match[1], match[2], match[3] or USUAL)
    texts = [one for one in re.split(r"[,;\s]+", text.strip()) if one]
    if not texts:
        raise ConfigError(f"{knob.name} needs values: a list such as 0.1, 0.3, 1, or a range such as 0.01 … 1 × 5")
    if len(texts) > MOST_PER_AXIS:
        raise ConfigError(f"{knob.name} takes {len(texts)} values; {MOST_PER_AXIS} are offered at most")
    return list(dict.fromkeys(knob.check("", knob.parse(one)) for one in texts))


class EnsembleForm(Component):
    """Asks for an ensemble: `spread(values)` gets `{knob: [values]}` of one knob or two.

    `bands(on, mean)` gets how runs that differ in their seed alone are drawn.
    """

    knobs = param.List([])
    shown = param.Dict({"seeds": "1", "bands": "spread", "error": ""})

    _esm = script("ensemble_form")
    _stylesheets = [sheet("controls"), sheet("ensemble_form"), DIMS]

    def __init__(
        self,
        config: type[Config],
        spread: Callable[[dict[str, list[Any]]], None],
        bands: Callable[[bool, bool], None],
        **params: Any,
    ) -> None:
        self._config, self._spread, self._bands = config, spread, bands
        super().__init__(knobs=[_choice(knob) for knob in config.knobs().values() if _spreads(knob)], **params)

    def show(self, seeds: int, bands: bool, mean: bool = False) -> None:
        """Display the number of seeds, and how they are drawn."""
        drawn = "single" if not bands else "mean" if mean else "spread"
        self.shown = {"seeds": str(seeds), "bands": drawn, "error": ""}

    def _handle_msg(self, data: dict[str, Any]) -> None:
        try:
            self._carry_out(data)
        except DynascopeError as error:
            self.shown = self.shown | {"error": sentence(error, self._config.knobs())}

    def _carry_out(self, data: dict[str, Any]) -> None:
        if "bands" in data:
            self._bands(data["bands"] != "single", data["bands"] == "mean")
        elif "seeds" in data:
            self._spread({"seed": list(range(_whole("number of seeds", str(data["seeds"]))))})
        elif isinstance(data.get("spread"), list):
            self._spread(dict(self._read(pair) for pair in data["spread"][:2]))

    def _read(self, pair: Any) -> tuple[str, list[Any]]:
        """Read what is asked of one knob: its name, and its values as they were typed."""
        name, text = (str(word) for word in pair) if isinstance(pair, list) and len(pair) == 2 else ("", "")
        knob = self._config.knob(name)
        if not _spreads(knob):
            raise ConfigError(f"{knob.name} is not spread over values")
        return knob.name, read_values(knob, text)


def _spreads(knob: Knob) -> bool:
    return knob.role != "shape" and knob.type in (int, float) and not knob.name.endswith("seed")


def _choice(knob: Knob) -> dict[str, Any]:
    low, high = knob.soft or knob.bounds or (0, 1)
    return {"name": knob.name, "label": knob_name(knob), "values": f"{low:g} … {high:g} × {USUAL}"}
