"""Knobs and presets as widgets: everything that a widget says comes from the metadata of the engine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

import panel as pn
import param
from panel.viewable import Viewer

from dashboard.ui.component import Component, script, sheet
from dashboard.ui.formatting import knob_value, listed, sentence, words
from dashboard.ui.styles import DIMS
from engines.core.protocol.config import Config, Knob
from engines.core.protocol.errors import DynascopeError

if TYPE_CHECKING:
    from engines.core.protocol.engine import Preset

Edit = Callable[[str, Any], None]

MORE = """.bk-btn { font-size: 13px !important; padding: 4px !important;
  color: var(--panel-on-background-color, #222) !important; }"""

MOST_LISTED = 12
"""Most values of a varying knob that are all listed; of more, the first three and the last."""

IN_SIGHT = 7
"""More knobs than these are folded away."""


class KnobWidget(Component):
    """The widget of one knob. While dragged it calls `preview`, once let go `commit`; an error is shown beneath."""

    about = param.Dict({})
    shown = param.Dict({"value": None, "text": "", "varies": "", "error": ""})

    _esm = script("knob")
    _stylesheets = [sheet("controls"), sheet("knob")]

    def __init__(self, knob: Knob, preview: Edit, commit: Edit, **params: Any) -> None:
        super().__init__(about=describe_widget(knob), **params)
        self._knob, self._preview, self._commit = knob, preview, commit
        self._turned = 0

    def show(self, value: Any, others: Sequence[Any] = ()) -> None:
        """Display a value, and the values of all members where they differ."""
        values = listed([knob_value(other) for other in others], MOST_LISTED, "values")
        varies = f"varies: {values}" if len(others) > 1 else ""
        shown = {"value": value, "text": typed(value), "varies": varies, "error": "", "turned": self._turned}
        if shown != self.shown:
            self.shown = shown

    def _handle_msg(self, data: dict[str, Any]) -> None:
        self._turned += 1  # the browser shows what was turned: also the value before it has to be sent again
        try:
            value = self._read(data.get("value"))
            (self._commit if data.get("final") else self._preview)(self._knob.name, value)
            if data.get("final"):
                return
            # A drag echoes in the browser; a message for each of its events would only come late.
        except DynascopeError as error:
            self.shown = self.shown | {"error": sentence(error)}

    def _read(self, value: Any) -> Any:
        return self._knob.check("", self._knob.parse(value) if isinstance(value, str) else value)


def typed(value: Any) -> str:
    """Write a value as a person types it."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def describe_widget(knob: Knob) -> dict[str, Any]:
    """Collect what the browser needs to draw a knob's widget."""
    low, high = knob.soft or knob.bounds or (0, 1)
    return {
        "label": words(knob.name),
        "doc": knob.doc,
        "unit": knob.unit,
        "role": knob.role,
        "kind": _kind(knob),
        "low": low,
        "high": high,
        "log": knob.log and low > 0,
        "whole": knob.type is int,
        "choices": [[choice, words(choice)] for choice in knob.choices or ()],
    }


def _kind(knob: Knob) -> str:
    if knob.choices:
        return "choice"
    if knob.type in (bool, str):
        return "check" if knob.type is bool else "text"
    return "seed" if knob.name == "seed" or knob.name.endswith("_seed") else "number"


class KnobsHeading(Component):
    """The heading over the knobs, with what undoes and redoes their changes; `command(what, {})` gets which."""

    shown = param.Dict({"undo": False, "redo": False})

    _esm = script("knobs_heading")
    _stylesheets = [sheet("controls"), sheet("knobs_heading")]

    def __init__(self, command: Callable[[str, dict[str, Any]], None], **params: Any) -> None:
        super().__init__(**params)
        self._command = command

    def _handle_msg(self, data: dict[str, Any]) -> None:
        if data.get("do") in ("undo", "redo"):
            self._command(data["do"], {})


class Knobs(Viewer):
    """All knobs of an engine that have an effect: at most seven in sight, the rest folded under *More*."""

    def __init__(
        self,
        config: type[Config],
        preview: Edit,
        commit: Edit,
        command: Callable[[str, dict[str, Any]], None] = lambda what, data: None,
    ) -> None:
        super().__init__()
        self._knobs, self._idle = config.knobs(), None
        self._widgets = {name: KnobWidget(knob, preview, commit) for name, knob in self._knobs.items()}
        stretched = {"sizing_mode": "stretch_width"}
        self._front, self._folded = pn.Column(margin=0, **stretched), pn.Column(visible=False, margin=0, **stretched)
        self._more = pn.widgets.Toggle(variant="outline", margin=(4, 0), stylesheets=[MORE], **stretched)
        self._more.param.watch(lambda event: setattr(self._folded, "visible", event.new), "value")
        self._heading = KnobsHeading(command, margin=0, **stretched)
        parts = (self._heading, self._front, self._more, self._folded)
        self._panel = pn.Column(*parts, margin=0, stylesheets=[DIMS], **stretched)

    def show_history(self, undo: bool, redo: bool) -> None:
        """Display whether there is something to undo or redo."""
        self._heading.shown = {"undo": undo, "redo": redo}

    def show(self, configs: Sequence[Config], idle: Collection[str] = ()) -> None:
        """Display the values of an ensemble's members, without the knobs that are idle."""
        self._arrange(frozenset(idle))
        for name, widget in self._widgets.items():
            values = list(dict.fromkeys(getattr(config, name) for config in configs))
            widget.show(values[0], values)

    def _arrange(self, idle: frozenset[str]) -> None:
        if idle == self._idle:
            return
        self._idle = idle
        used = [name for name in self._knobs if name not in idle]
        front = [name for name in used if not self._knobs[name].more][:IN_SIGHT]
        rest = [name for name in used if name not in front]
        parts = [
            (column, [self._widgets[name] for name in part])
            for column, part in ((self._front, front), (self._folded, rest))
        ]
        for column, part in parts:  # a widget that moves leaves first: leaving, it would be cut off from where it went
            column.objects = [widget for widget in column.objects if widget in part]
        for column, part in parts:
            column.objects = part
        self._more.param.update(name=f"More: {len(rest)} knobs", visible=bool(rest))

    def __panel__(self) -> pn.Column:
        return self._panel


class Presets(Component):
    """A select box of the engine's experiments; `choose(name)` gets the preset."""

    about = param.Dict({})
    shown = param.Dict({"value": "", "text": "", "varies": "", "error": ""})

    _esm = script("knob")
    _stylesheets = [sheet("controls"), sheet("knob")]

    def __init__(self, presets: Sequence[Preset], choose: Callable[[str], None], **params: Any) -> None:
        choices = [[preset.name, f"{preset.name}  {preset.title}"] for preset in presets]
        about = {"label": "Experiment", "kind": "choice", "wide": True, "choices": choices, "doc": "", "role": ""}
        super().__init__(about=about, **params)
        self._choose, self._turned = choose, 0

    def show(self, name: str) -> None:
        """Display the preset that is loaded."""
        self.shown = self.shown | {"value": name, "turned": self._turned}

    def _handle_msg(self, data: dict[str, Any]) -> None:
        self._turned += 1
        self._choose(str(data.get("value")))
