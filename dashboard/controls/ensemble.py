"""The form that makes an ensemble: it spreads a knob over a range, and a run over seeds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import param

from dashboard.ui.component import Component, script, sheet
from dashboard.ui.formatting import sentence, words
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
    first, last = float(knob.parse(low)), float(knob.parse(high))
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
    if not (text.strip().isdecimal() and len(text) < 9 and 1 <= int(text) <= MOST_PER_AXIS):
        raise ConfigError(f"the {what}, {text.strip()!r}, is not a whole number from 1 to {MOST_PER_AXIS}")
    return int(text)


class EnsembleForm(Component):
    """Asks for an ensemble: `spread(values)` gets `{knob: [values]}`, `bands(on)` whether seeds are drawn as a band."""

    knobs = param.List([])
    shown = param.Dict({"seeds": "1", "bands": True, "error": ""})

    _esm = script("ensemble_form")
    _stylesheets = [sheet("controls"), sheet("ensemble_form"), DIMS]

    def __init__(
        self,
        config: type[Config],
        spread: Callable[[dict[str, list[Any]]], None],
        bands: Callable[[bool], None],
        **params: Any,
    ) -> None:
        self._config, self._spread, self._bands = config, spread, bands
        super().__init__(knobs=[_choice(knob) for knob in config.knobs().values() if _spreads(knob)], **params)

    def show(self, seeds: int, bands: bool) -> None:
        """Display the number of seeds, and whether they are drawn as one band."""
        self.shown = {"seeds": str(seeds), "bands": bands, "error": ""}

    def _handle_msg(self, data: dict[str, Any]) -> None:
        try:
            self._carry_out(data)
        except DynascopeError as error:
            self.shown = self.shown | {"error": sentence(error)}

    def _carry_out(self, data: dict[str, Any]) -> None:
        if "bands" in data:
            self._bands(bool(data["bands"]))
        elif "seeds" in data:
            self._spread({"seed": list(range(_whole("number of seeds", str(data["seeds"]))))})
        elif data.get("knob"):
            knob = self._config.knob(str(data["knob"]))
            if not _spreads(knob):
                raise ConfigError(f"{knob.name} is not spread over a range")
            self._spread({knob.name: axis(knob, *(str(data.get(end)) for end in ("low", "high", "count")))})


def _spreads(knob: Knob) -> bool:
    return knob.role != "shape" and knob.type in (int, float) and not knob.name.endswith("seed")


def _choice(knob: Knob) -> dict[str, Any]:
    low, high = knob.soft or knob.bounds or (0, 1)
    return {"name": knob.name, "label": words(knob.name), "low": f"{low:g}", "high": f"{high:g}"}
