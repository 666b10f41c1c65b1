"""Knobs and presets as widgets: everything that a widget says comes from the metadata of the engine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

import param

from dashboard.ui.component import Component, script, sheet
from dashboard.ui.formatting import choice_name, knob_name, knob_value, listed, sentence
from dashboard.ui.styles import DIMS
from engines.core.protocol.config import Config, Knob
from engines.core.protocol.errors import DynascopeError

if TYPE_CHECKING:
    from engines.core.protocol.engine import Preset

Edit = Callable[[str, Any], None]

MOST_LISTED = 12
"""Most values of a varying knob that are all listed; of more, the first three and the last."""

IN_SIGHT = 7
"""Most knobs that stay in sight; others are folded away."""


def typed(value: Any) -> str:
    """Write a value as a person types it."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def describe_widget(knob: Knob) -> dict[str, Any]:
    """Collect what the browser needs to draw a knob's widget."""
    low, high = knob.soft or knob.bounds or (0, 1)
    return {
        "name": knob.name,
        "label": knob_name(knob),
        "doc": knob.doc,
        "unit": knob.unit,
        "role": knob.role,
        "kind": _kind(knob),
        "low": low,
        "high": high,
        "log": knob.log and low > 0,
        "whole": knob.type is int,
        "choices": [[choice, choice_name(choice, knob)] for choice in knob.choices or ()],
    }


def _kind(knob: Knob) -> str:
    if knob.choices:
        return "choice"
    if knob.type in (bool, str):
        return "check" if knob.type is bool else "text"
    return "seed" if knob.name == "seed" or knob.name.endswith("_seed") else "number"


class Knobs(Component):
    """All knobs of an engine that have an effect: at most seven in sight, the rest folded under *More*.

    While one is dragged `preview(name, value)` is called, once it is let go `commit`; an error is shown beneath it.
    `command` gets *undo* and *redo*. All knobs are one component: each by itself would make a page slow to open.
    """

    abouts = param.List([])
    shown = param.Dict({}, doc="Value, text, values that vary and error by knob.")
    order = param.Dict({"front": [], "more": []}, doc="Names of the knobs in sight and of those folded away.")
    history = param.Dict({"undo": False, "redo": False})

    _esm = script("knob", "knobs")
    _stylesheets = [sheet("controls"), sheet("knob"), DIMS]

    def __init__(
        self,
        config: type[Config],
        preview: Edit,
        commit: Edit,
        command: Callable[[str, dict[str, Any]], None] = lambda what, data: None,
        **params: Any,
    ) -> None:
        self._knobs, self._preview, self._commit, self._command = config.knobs(), preview, commit, command
        self._turned = dict.fromkeys(self._knobs, 0)
        super().__init__(abouts=[describe_widget(knob) for knob in self._knobs.values()], margin=0, **params)

    def show(self, configs: Sequence[Config], idle: Collection[str] = ()) -> None:
        """Display the values of an ensemble's members, without the knobs that are idle."""
        used = [name for name in self._knobs if name not in idle]
        front = [name for name in used if not self._knobs[name].more][:IN_SIGHT]
        order = {"front": front, "more": [name for name in used if name not in front]}
        if order != self.order:
            self.order = order
        values = {name: [getattr(config, name) for config in configs] for name in self._knobs}
        shown = {name: self._shown_value(knob, values[name]) for name, knob in self._knobs.items()}
        if shown != self.shown:
            self.shown = shown

    def _shown_value(self, knob: Knob, values: Sequence[Any]) -> dict[str, Any]:
        """Describe the value of a knob, and the values of all members where they differ."""
        distinct = list(dict.fromkeys(values))
        texts = listed([knob_value(value, knob) for value in distinct], MOST_LISTED, "values")
        varies = f"varies: {texts}" if len(distinct) > 1 else ""
        about = {"value": distinct[0], "text": typed(distinct[0]), "varies": varies, "error": ""}
        # The browser shows what was turned: also the value before has to be sent again then.
        return about | {"turned": self._turned[knob.name]}

    def show_history(self, undo: bool, redo: bool) -> None:
        """Display whether there is something to undo or redo."""
        self.history = {"undo": undo, "redo": redo}

    def _handle_msg(self, data: dict[str, Any]) -> None:
        if data.get("do") in ("undo", "redo"):
            self._command(data["do"], {})
        elif knob := self._knobs.get(str(data.get("knob"))):
            self._turn(knob, data.get("value"), bool(data.get("final")))

    def _turn(self, knob: Knob, value: Any, final: bool) -> None:
        """Preview a value or commit it. A drag echoes in the browser; an answer to each of its events would be late."""
        self._turned[knob.name] += 1
        try:
            value = knob.check("", knob.parse(value) if isinstance(value, str) else value)
            (self._commit if final else self._preview)(knob.name, value)
        except DynascopeError as error:
            self.shown = self.shown | {knob.name: self.shown[knob.name] | {"error": sentence(error, self._knobs)}}


class Presets(Component):
    """A select box of the engine's experiments; `choose(name)` gets the preset."""

    about = param.Dict({})
    shown = param.Dict({"value": "", "text": "", "varies": "", "error": ""})

    _esm = script("knob", "presets")
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
