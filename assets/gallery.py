"""Records what the gallery shows of a lab: its words, the state of its presets' claims, and a small moving picture.

`python -m assets.gallery` renews the words of all labs, `python -m assets.gallery matrix_sensing P0 P3` also runs these
presets and judges them, and `python -m assets.gallery matrix_sensing all` all of them. The picture is of the preset
with which the lab opens, taken when that is run. The page reads the file without importing the engine.
"""

from __future__ import annotations

import hashlib
import json
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import engines
from engines.core.protocol.engine import Engine, Preset
from engines.core.protocol.registry import origins
from engines.core.runs.experiment import Experiment
from engines.core.runs.run import Run

FILE = "gallery.json"
SIDE = 1000
"""The width and the height of the picture, in whole numbers: they are short in a file."""
POINTS = 70
"""Points of a curve, at most."""
CURVES = 12
FRAMES = 18
"""Moments of a cloud of points."""
FLOOR = 1e-16
"""Smallest value on a logarithmic axis."""


def path(name: str) -> Path:
    """Return the file of an engine. Raises `FileNotFoundError` where its folder is not known."""
    folder = origins()[name].folder
    if folder is None:
        raise FileNotFoundError(name)
    return folder / "assets" / FILE


def digest(engine: Engine, preset: Preset) -> str:
    """Compute a short name of all that a preset runs; a recorded state of its claims is of this one alone.

    A knob that has its default is not in it: one that is new changes no run.
    """
    default, configs = dict(engine.Config()), Experiment.from_preset(engine, preset).configs()
    turned = [{name: value for name, value in dict(config).items() if value != default[name]} for config in configs]
    what = [turned, preset.steps, {name: dict(options) for name, options in preset.probes.items()}]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:12]


def recorded(name: str) -> dict[str, Any]:
    """Read what is recorded of an engine; empty where nothing is."""
    file = path(name)
    return json.loads(file.read_text()) if file.exists() else {}


def words(engine: Engine, before: dict[str, Any]) -> dict[str, Any]:
    """Describe a lab and its presets; the state of claims is kept of presets that are what they were."""
    judged = {preset["name"]: preset for preset in before.get("presets", [])}
    presets = []
    for preset in engine.presets:
        entry = {"name": preset.name, "title": preset.title, "look_for": preset.look_for}
        entry |= {"digest": digest(engine, preset)}
        old = judged.get(preset.name, {})
        if old.get("digest") == entry["digest"] and "claims" in old:
            entry |= {key: old[key] for key in ("claims", "held", "version", "date")}
        presets.append(entry)
    return {
        "title": engine.title, "summary": engine.summary, "reference": next(iter(engine.references), ""),
        "opening": engine.opening, "presets": presets, "picture": before.get("picture"),
    }  # fmt: skip


def judge(run: Run) -> dict[str, Any]:
    """Count the claims of a finished run, and those that hold."""
    verdicts = run.judge()
    held = sum(verdict.holds is True for verdict in verdicts)
    return {"claims": len(verdicts), "held": held, "version": version("dynascope"), "date": date.today().isoformat()}


# -- the picture ---------------------------------------------------------------------------------------------------


def picture(run: Run) -> dict[str, Any] | None:
    """Draw the first figure of a run small: curves with their theory, or a cloud of points that moves."""
    preset, engine = run.preset, run.engine
    lead = preset.lead if preset else ""
    plots = sorted(engine.plots, key=lambda plot: plot.name != lead)  # the lead first
    for plot in plots:
        if plot.kind == "line" and plot.x == "step" and not any(engine.channel(name).dims for name in plot.channels):
            return {"kind": "curves", "label": plot.title, "curves": _curves(run, plot, bool(preset and preset.log_x))}
        if plot.kind == "space" and len(plot.channels) == 2 and plot.by:
            return {"kind": "points", "label": plot.title, **_cloud(run, plot)}
    return None


def _curves(run: Run, plot: Any, log_x: bool) -> list[dict[str, Any]]:
    """List curves as places in the picture: a hue a member, or a channel where there is one member."""
    alone, lines = len(run.configs) == 1, []
    for member, config in enumerate(run.configs[:CURVES]):
        predictions = run.engine.theory(config, run.steps)
        for place, name in enumerate(plot.channels):
            hue = place if alone else member
            lines.append((hue, False, run.steps, run[name][:, member]))
            laws = [law for law in predictions if law.channel == name and not law.broken and law.component is None]
            lines += [(hue, True, run.steps, law.values) for law in laws[:1]]
    return _placed(lines, log_x or plot.log_x, plot.log_y)


def _placed(lines: list[tuple[int, bool, np.ndarray, np.ndarray]], log_x: bool, log_y: bool) -> list[dict[str, Any]]:
    flat = [value for _, dashed, _, value in lines if not dashed]
    finite = np.concatenate([value[np.isfinite(value) & ((value > 0) | (not log_y))] for value in flat])
    scale_y = (lambda value: np.log10(np.maximum(value, FLOOR))) if log_y else (lambda value: value)
    scale_x = np.log1p if log_x else (lambda value: value)
    low, high = scale_y(finite).min(), scale_y(finite).max()
    last = max(steps[-1] for *_, steps, _ in lines)
    curves = []
    for hue, dashed, steps, values in lines:
        with np.errstate(invalid="ignore", divide="ignore"):
            x = np.asarray(scale_x(steps / 1.0)) / float(scale_x(float(last)))
            y = (np.asarray(scale_y(values)) - low) / max(high - low, 1e-12)
        inside = np.isfinite(y) & (y > -0.02) & (y < 1.02)
        places = np.stack([x, 1 - y], axis=1)[inside]
        curves.append({"hue": hue, "dashed": dashed, "places": _whole(_thinned(places)).ravel().tolist()})
    return curves


def _thinned(places: np.ndarray) -> np.ndarray:
    """Keep points that are about evenly far along the curve."""
    if len(places) <= POINTS:
        return places
    along = np.r_[0.0, np.cumsum(np.hypot(*np.diff(places, axis=0).T) + 1e-9)]
    kept = np.searchsorted(along, np.linspace(0, along[-1], POINTS))
    return places[np.unique(np.minimum(kept, len(places) - 1))]


def _cloud(run: Run, plot: Any) -> dict[str, Any]:
    x, y = (run[name][:, 0] for name in plot.channels)
    kinds = run[plot.by][0, 0].astype(int)
    guide = plot.classes.index(plot.guide) if plot.guide else -1
    rows = np.unique(np.round(np.linspace(0, len(x) ** 0.5 - 1, FRAMES) ** 2).astype(int).clip(0, len(x) - 1))
    reach = 1.05 * float(np.nanmax(np.abs([x[rows], y[rows]])))
    frames = [_whole(np.stack([x[row], -y[row]], axis=1) / reach / 2 + 0.5).ravel().tolist() for row in rows]
    return {"hues": [-1 if kind == guide else int(kind) for kind in kinds], "frames": frames}


def _whole(places: np.ndarray) -> np.ndarray:
    return np.round(SIDE * np.nan_to_num(places, nan=0.5)).astype(int)


def renew(name: str, presets: list[str]) -> None:
    """Write the file of an engine anew, after running some of its presets."""
    engine = engines.load(name)
    judged, drawn = {}, None
    for preset in engine.presets:
        if preset.name in presets or presets == ["all"]:
            run = engines.run(name, preset=preset.name)
            judged[preset.name] = judge(run)
            drawn = picture(run) if preset.name == engine.opening else drawn
            print(f"{name} {preset.name}: {judged[preset.name]}", flush=True)
    lab = words(engine, recorded(name))
    for about in lab["presets"]:
        about |= judged.get(about["name"], {})
    path(name).write_text(written(lab | ({"picture": drawn} if drawn else {})))


def written(about: dict[str, Any]) -> str:
    """Write a preset a line, so that a change of one is a change of one line."""
    dump = lambda value: json.dumps(value, ensure_ascii=False)  # noqa: E731
    presets = ",\n".join(f"  {dump(preset)}" for preset in about["presets"])
    lines = [f"{dump(key)}: {dump(value)}" for key, value in about.items() if key != "presets"]
    return "{\n" + ",\n".join([*lines, f'"presets": [\n{presets}\n]']) + "\n}\n"


def main() -> None:
    """Renew the files of all engines, or of the one that is named."""
    name, *presets = sys.argv[1:] or [""]
    for each in [name] if name else engines.names():
        if (origins()[each].folder or Path()).joinpath("assets").is_dir():
            renew(each, presets)


if __name__ == "__main__":
    main()
