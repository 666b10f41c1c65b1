"""The form by which a reader brings a network or samples of their own, where the server takes files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import param

from dashboard.session.uploads import PIECE, Uploads, allowed
from dashboard.ui.component import FOLDER, Component, script, whole
from dashboard.ui.formatting import sentence, words
from engines.core.protocol.errors import DynascopeError

if TYPE_CHECKING:
    from engines.core.protocol.config import Config
    from engines.core.protocol.declarations import OwnFile, OwnFiles


class OwnFilesForm(Component):
    """Takes the files that an engine can use, piece by piece; `edit(values)` gets the knobs once all are there."""

    about = param.List([])
    piece = param.Integer(PIECE)
    shown = param.Dict({"error": "", "done": "", "ready": {}})

    _esm = script("own_files")
    _stylesheets = [(FOLDER / "own_files.css").read_text()]

    def __init__(
        self, kinds: Sequence[OwnFiles], config: type[Config], uploads: Uploads,
        edit: Callable[[dict[str, Any]], None],
    ) -> None:  # fmt: skip
        super().__init__(about=[_about(kind, config) for kind in kinds], visible=bool(kinds) and allowed())
        self._kinds = {kind.name: kind for kind in kinds}
        self._uploads, self._edit = uploads, edit
        self._paths: dict[str, str] = {}
        self._receiving: OwnFile | None = None

    def _handle_msg(self, data: dict[str, Any]) -> None:
        try:
            self._carry_out(data)
        except DynascopeError as error:
            self._receiving = None
            self.shown = {"error": sentence(error), "done": "", "ready": self._ready()}

    def _carry_out(self, data: dict[str, Any]) -> None:
        kind = self._kinds.get(str(data.get("kind")))
        if "piece" in data and self._receiving:
            path = self._uploads.add(str(data["piece"]))
            if path:
                self._paths[self._receiving.knob] = str(path)
                self._receiving = None
                self.shown = {"error": "", "done": "", "ready": self._ready()}
            else:
                self.send_to_script({"next": True})
        elif kind and "size" in data:
            file = next((file for file in kind.files if file.knob == data.get("knob")), None)
            if file:
                self._uploads.begin(file, whole(data, "size"))
                self._receiving = file
                self.send_to_script({"next": True})
        elif kind and "use" in data and all(file.knob in self._paths for file in kind.files):
            chosen = data["use"] if isinstance(data["use"], dict) else {}
            choices = {name: str(chosen[name]) for name in kind.choices if name in chosen}
            self._edit({**kind.knobs, **choices, **{file.knob: self._paths[file.knob] for file in kind.files}})
            self.shown = {"error": "", "done": f"{kind.label}: computed with.", "ready": self._ready()}

    def _ready(self) -> dict[str, bool]:
        return dict.fromkeys(self._paths, True)


def _about(kind: OwnFiles, config: type[Config]) -> dict[str, Any]:
    """Collect what the browser needs to draw the form of some files."""
    knobs = [config.knob(name) for name in kind.choices]
    return {
        "name": kind.name,
        "label": kind.label,
        "files": [{"knob": f.knob, "suffix": f.suffix, "limit": f.limit, "doc": f.doc} for f in kind.files],
        "choices": [
            {"knob": knob.name, "label": words(knob.name), "values": [[v, words(v)] for v in knob.choices or ()]}
            for knob in knobs
        ],
    }
