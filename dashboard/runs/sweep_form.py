"""The form that begins a sweep: one that a lab offers, or knobs of the reader's own."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from dashboard.runs import sweep_jobs
from dashboard.ui.notation import plain
from dashboard.ui.styles import at_most
from engines.core.protocol.errors import ConfigError, quote
from engines.core.protocol.registry import load, names

if TYPE_CHECKING:
    from engines.core.sweeps.plan import Plan

OWN = "knobs of your own"

HINT = "alpha=logspace(1e-3,1,7) k=3:8 eta=0.1"

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,60}")
"""The form of a sweep's name, which is also that of its folder."""


class SweepForm(Viewer):
    """Asks what is to be computed; `begin()` is called when the button is pressed."""

    def __init__(self, begin: Callable[[], None]) -> None:
        super().__init__()
        labs = {load(name).title: name for name in names()}
        self.engine = pmui.Select(label="Lab", options=labs, value=next(iter(labs.values())), **at_most(330))
        self.named = pmui.Select(label="Sweep", options=[OWN], **at_most(560))
        self.small = pmui.Checkbox(label="small", value=True, margin=(10, 10, 6, 0))
        self.knobs = pmui.TextInput(label="Knobs", placeholder=HINT, **at_most(420))
        self.seeds = pmui.TextInput(label="Seeds", placeholder="0:4", **at_most(90))
        self.steps = pmui.TextInput(label="Steps", **at_most(100))
        self.called = pmui.TextInput(label="Name", placeholder="chosen for you", **at_most(170))
        self.button = pmui.Button(label="Begin", size="small", margin=(10, 0))
        widgets = (self.engine, self.named, self.small, self.knobs, self.seeds, self.steps, self.called, self.button)
        self._panel = pn.FlexBox(*widgets, align_items="center", sizing_mode="stretch_width", margin=0)
        self.engine.param.watch(lambda event: self._list_sweeps(), "value")
        self.named.param.watch(lambda event: self._show(), "value")
        self.button.on_click(lambda event: begin())
        self._list_sweeps()

    def _list_sweeps(self) -> None:
        """List the sweeps of the lab that is chosen."""
        sweeps = {plain(sweep.title): sweep.name for sweep in load(self.engine.value).sweeps}
        self.named.param.update(options=sweeps | {OWN: OWN}, value=next(iter(sweeps.values()), OWN))
        self._show()

    def _show(self) -> None:
        own = self.named.value == OWN
        for widget in (self.knobs, self.seeds, self.steps):
            widget.visible = own
        self.small.visible = not own

    def plan(self) -> Plan:
        """Plan what the form says. Raises `ConfigError` or `UnknownName`: everything is checked."""
        from engines.core.runs.experiment import STEPS
        from engines.core.sweeps.axes import parse_axes
        from engines.core.sweeps.plan import Plan

        engine = load(self.engine.value)
        if self.named.value != OWN:
            return Plan.from_name(engine, self.named.value, bool(self.small.value))
        seeds, steps = self.seeds.value.strip(), self.steps.value.strip()
        given = [_assignment(word) for word in _words(self.knobs.value)] + ([("seed", seeds)] if seeds else [])
        return Plan.make(engine, set=parse_axes(engine, given), steps=STEPS.parse(steps) if steps else None)

    def folder(self, library: Path) -> Path:
        """Return the folder of the sweep that begins, one that is not there yet. Raises `ConfigError`."""
        typed = self.called.value.strip()
        name = typed or f"{self.engine.value}-{'own' if self.named.value == OWN else self.named.value}"
        if not NAME.fullmatch(name):
            raise ConfigError(f"the name {quote(name)} is none of a folder: take letters, digits, - and _")
        taken = {path.name for path in sweep_jobs.sweeps(library)}
        if typed and name in taken:
            raise ConfigError(f"there is a sweep {quote(name)} already: choose another name")
        free = next(each for each in (name, *(f"{name}-{n}" for n in range(2, 10**6))) if each not in taken)
        return library / sweep_jobs.FOLDER / free

    def __panel__(self) -> pn.FlexBox:
        return self._panel


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        raise ConfigError(f"{quote(text)} has a quotation mark that is not closed") from None


def _assignment(word: str) -> tuple[str, str]:
    name, equals, text = word.partition("=")
    if not (name and equals):
        raise ConfigError(f"{quote(word)} is not of the form knob=values, such as {HINT.split()[1]}")
    return name, text
