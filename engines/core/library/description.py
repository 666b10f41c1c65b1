"""The description of a stored run as its library's index holds it, read from the run's file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engines.core.protocol.config import Config, varied

Knobs = Mapping[str, list[Any]]
"""The values that each knob takes over the members of a run."""


def describe(path: Path) -> tuple[dict[str, Any], Knobs]:
    """Read what a file says of its run, and the values of its knobs; of one that cannot be read, why (`broken`)."""
    from engines.core.files import store  # here: whoever lists what is indexed need not wait for torch

    try:
        about = store.read_description(path)
        run = store.run_from_description(about)
        final = about.get("final")
        if final is None:  # a file of the first release
            final = store.final_values(store.read(path))
        return _described(path.name, about, run.initial_configs, final), _values(run.initial_configs)
    except store.DAMAGED as error:
        reason = store.reason(error).replace(f"{path.parent}{os.sep}", "")
        return _row(path.name, {}) | {"broken": _text(reason), "about": {}}, {}


def _row(file: str, about: Mapping[str, Any]) -> dict[str, Any]:
    verdicts = about.get("verdicts", ())
    texts = {key: _text(about.get(key) or "") for key in ("engine", "preset", "stored", "name", "note")}
    tags = [_text(tag) for tag in about.get("tags", ())]
    return texts | {
        "tags": json.dumps(tags),
        "words": " ".join([*texts.values(), *tags, _text(file)]).lower(),
        "frames": about.get("rows", 0),
        "steps": about.get("last", 0),
        "members": len(about.get("openings", ())),
        "interrupted": about.get("interrupted") is True,
        "held": sum(each["holds"] is True for each in verdicts),
        "claims": sum(each["holds"] is not None for each in verdicts),
        "broken": "",
        "varied": "[]",
    }


def _text(value: object) -> str:
    """Return a text that any database takes."""
    return str(value).encode("utf-8", "replace").decode()


def _described(file: str, about: dict[str, Any], configs: Sequence[Config], final: Mapping[str, Any]) -> dict[str, Any]:
    names = varied(configs)
    shared = {name: value for name, value in configs[0] if name not in names}
    spread = {name: [getattr(config, name) for config in configs] for name in names}
    edited = {event["knob"] for event in about["events"]}
    constant = [name for name in shared if name not in edited]
    members = {"shared": shared, "varied": spread, "constant": constant, "final": final}
    members |= {"diverged_at": about["diverged_at"]}
    kept = {key: about.get(key) for key in ("device", "dtype", "package", "version", "versions", "verdicts")}
    return _row(file, about) | {"varied": json.dumps(names), "about": kept | {"members": members}}


def _values(configs: Sequence[Config]) -> Knobs:
    values = {name: dict.fromkeys(getattr(config, name) for config in configs) for name, _ in configs[0]}
    return {name: [_text(one) if isinstance(one, str) else one for one in each] for name, each in values.items()}
