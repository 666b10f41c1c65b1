"""The form of a probe: what it is, its options, the button that computes it, and how far that is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import param

from dashboard.controls.knobs import describe_widget, typed
from dashboard.ui.component import Component, script, sheet
from dashboard.ui.formatting import describe, sentence, words
from engines.core.analysis.probing import check_options, parse_options, probe_options
from engines.core.protocol.errors import DynascopeError

if TYPE_CHECKING:
    from engines.core.protocol.config import Knob
    from engines.core.protocol.engine import Probe

IDLE = {"busy": False, "share": 0.0, "left": "", "why": ""}


class ProbeForm(Component):
    """Calls `compute`, `stop`, `save` when asked to, `turned` after an option. What was chosen is remembered."""

    title = param.String("")
    doc = param.String("")
    fields = param.List([])
    shown = param.Dict({"step": -1, "note": "", "failure": "", "savable": False, **IDLE})
    form = param.Dict({"values": {}, "summary": "", "error": ""})

    _esm = script("knob", "probe")
    _stylesheets = [sheet(name) for name in ("heading", "controls", "knob", "probe")]

    def __init__(
        self,
        probe: Probe,
        compute: Callable[[], None],
        stop: Callable[[], None],
        save: Callable[[], None] = lambda: None,
        turned: Callable[[], None] = lambda: None,
        **params: Any,
    ) -> None:
        self.options: Mapping[str, Any] = {}
        """The options that differ from their defaults."""
        self._probe, self._knobs = probe, probe_options(probe)
        self._compute, self._stop, self._save, self._turned = compute, stop, save, turned
        fields = [{**_field(knob, probe.quick), "name": name} for name, knob in self._knobs.items()]
        super().__init__(title=probe.title or words(probe.name), doc=probe.doc, fields=fields, **params)
        self.choose({})

    def show(self, **changes: Any) -> None:
        """Change entries of `shown`; sends nothing where nothing changed."""
        shown = self.shown | changes
        if shown != self.shown:
            self.shown = shown

    def choose(self, values: Mapping[str, Any], error: str = "") -> None:
        """Choose these values, and the default of every other option. Errors as those of `check_options`."""
        values = check_options(self._probe, values)
        self.options = {name: value for name, value in values.items() if value != self._knobs[name].default}
        every = {name: self.options.get(name, knob.default) for name, knob in self._knobs.items()}
        texts = {name: value if isinstance(value, bool) else typed(value) for name, value in every.items()}
        self.form = {"values": texts, "summary": describe(self.options, self._knobs), "error": error}

    def _set_option(self, name: str, text: str) -> None:
        try:
            self.choose(dict(self.options) | parse_options(self._probe, [(name, text)]))
        except DynascopeError as error:
            self.choose(self.options, sentence(error, self._knobs))
        else:
            self._turned()

    def _handle_msg(self, data: dict[str, Any]) -> None:
        if "option" in data:
            self._set_option(str(data["option"]), str(data.get("value")))
        else:
            (self._stop if data.get("stop") else self._save if data.get("save") else self._compute)()


def _field(knob: Knob, quick: bool) -> dict[str, Any]:
    """Describe an option for the browser: its widget, bounds and doc; a number of a quick probe is a slider."""
    low, high = knob.bounds or (None, None)
    bounds = f" (from {low:g} to {high:g})" if low is not None else ""
    about = describe_widget(knob)
    return about | {"doc": knob.doc + bounds, "slides": quick and about["kind"] == "number"}
