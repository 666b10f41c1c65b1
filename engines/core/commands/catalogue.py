"""The command `list`: every engine with its presets, knobs, probes and sweeps."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from typing import Any

from engines.core.analysis import probing
from engines.core.commands.terminal import as_text, text_table
from engines.core.data.plain_json import to_json
from engines.core.protocol.config import Knob
from engines.core.protocol.engine import Engine
from engines.core.protocol.errors import EngineFailure
from engines.core.protocol.registry import load, names


def catalogue(arguments: Namespace) -> str:
    """List every engine with its presets, knobs and probes; a broken one with its message."""
    engines = {name: _loaded(name) for name in names()}
    if arguments.json:
        return to_json({"engines": [_described(name, engine) for name, engine in engines.items()]})
    return "\n".join(line for name, engine in engines.items() for line in _listed(name, engine))


def _loaded(name: str) -> Engine | str:
    try:
        return load(name)
    except EngineFailure as failure:
        return str(failure)


def _described(name: str, engine: Engine | str) -> dict[str, Any]:
    if isinstance(engine, str):
        return {"name": name, "failure": engine}
    return {
        "name": name,
        "title": engine.title,
        "summary": engine.summary,
        "presets": [{"name": p.name, "title": p.title, "look_for": p.look_for} for p in engine.presets],
        "knobs": [vars(knob) | {"type": knob.type.__name__} for knob in engine.Config.knobs().values()],
        "sweeps": [{"name": s.name, "title": s.title, "look_for": s.look_for} for s in engine.sweeps],
        "probes": [
            {"name": p.name, "doc": p.doc, "options": {n: o.default for n, o in probing.probe_options(p).items()}}
            for p in engine.probes
        ],
    }


def _listed(name: str, engine: Engine | str) -> Iterator[str]:
    if isinstance(engine, str):
        yield from (name, f"  {engine}", "")
        return
    yield from (f"{name}: {engine.title}", f"  {engine.summary}", "", "  presets")
    yield from _indented([[preset.name, preset.title] for preset in engine.presets])
    yield from ("", "  knobs (live: applies at the next step; init: restarts; shape: rebuilds)")
    yield from _indented([_row(knob) for knob in engine.Config.knobs().values()])
    if engine.probes:
        yield from ("", "  probes")
        rows = [[probe.name, " ".join([probe.doc, *probing.options_with_defaults(probe)])] for probe in engine.probes]
        yield from _indented(rows)
    if engine.sweeps:
        yield from ("", "  sweeps")
        yield from _indented([[sweep.name, sweep.title] for sweep in engine.sweeps])
    yield ""


def _indented(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    return (f"    {line}" for line in text_table(rows)) if rows else iter(())


def _row(knob: Knob) -> list[str]:
    allowed = "|".join(knob.choices) if knob.choices else ""
    if knob.bounds:
        allowed = f"[{knob.bounds[0]:g}, {knob.bounds[1]:g}]"
    return [knob.name, knob.role, as_text(knob.default), knob.doc + (f" {allowed}" if allowed else "")]
