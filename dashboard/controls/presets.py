"""The engine's experiments, to choose from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import param

from dashboard.ui.component import FOLDER, Component, script

if TYPE_CHECKING:
    from engines.core.protocol.engine import Preset


class Presets(Component):
    """A select box; `choose(name)` gets the preset."""

    about = param.Dict({})
    shown = param.Dict({"value": "", "text": "", "varies": "", "error": ""})

    _esm = script("knob")
    _stylesheets = [(FOLDER / "knob.css").read_text()]

    def __init__(self, presets: Sequence[Preset], choose: Callable[[str], None], **params: Any) -> None:
        choices = [[preset.name, f"{preset.name}  {preset.title}"] for preset in presets]
        about = {"label": "Experiment", "kind": "choice", "wide": True, "choices": choices, "doc": "", "role": ""}
        super().__init__(about=about, **params)
        self._choose = choose

    def show(self, name: str) -> None:
        """Display the preset that is loaded."""
        self.shown = self.shown | {"value": name}

    def _handle_msg(self, data: dict[str, Any]) -> None:
        self._choose(str(data.get("value")))
