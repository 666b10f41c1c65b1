"""Declarations of an engine as data: channels, plots, predictions, verdicts, phases, stories, actions and sweeps.

`B` is the number of members of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from xarray import DataArray, Dataset


@dataclass(frozen=True, kw_only=True)
class Channel:
    """One recorded quantity: `[B, *dims]` a frame. `formula` is shown where the quantity is named."""

    name: str
    label: str
    doc: str
    formula: str = ""
    unit: str = ""
    dims: tuple[str, ...] = ()
    log: bool = True
    thin: bool = False
    """Large: comes from `Engine.snapshot`, and is recorded at about 24 steps a decade instead of 200."""


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A figure declared as data. `line` draws channels over `x`; the other kinds show one step, the cursor's.

    `heatmap` draws its channels beside one another on one colour scale. `scatter` draws the last channel against
    the first, or against its index. `space` draws two or three channels as coordinates, with one scale for all.
    `profile` draws a vector over its index, or over the vector `x`, and further channels dashed, as laws. `sweep`
    draws every member's value over the knob that varies most, `map` as colours over the two that do. `ranking` draws
    one bar a curve, the least value first.
    """

    name: str
    title: str
    channels: tuple[str, ...]
    doc: str
    kind: Literal["line", "bars", "heatmap", "scatter", "space", "profile", "sweep", "map", "ranking"] = "line"
    x: str = "step"
    log_x: bool = False
    log_y: bool = True
    symlog: float = 0.0
    """Size beyond which a scale for both signs is logarithmic, and linear within it; 0 where values have one sign."""
    by: str = ""
    """Scatter, space: the channel that holds the class of each point, a place in `classes`; one member is shown."""
    classes: tuple[str, ...] = ()
    guide: str = ""
    """Space: the class that is no data; it is drawn thin and grey."""
    beside: bool = False
    """Line over a vector: of two curves both are drawn, that in focus thicker; of more the member in focus alone."""
    labels: tuple[str, ...] = ()
    """Bars, profile: what the first components are called; the others go by their numbers."""

    def component(self, at: int) -> str:
        """Return the label of a component, its number from 1 on where it has no label."""
        return self.labels[at] if at < len(self.labels) else str(at + 1)


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A curve that a theorem predicts of one channel of one configuration, on the given steps.

    `values` is `[T]`; of a vector channel `component` says which entry is meant. `broken` names the assumption that
    the configuration violates ("" when all hold): such a curve is drawn grey. `kind` tells a law from a one-sided
    bound, and from either end of a band in which most runs, or all, lie.
    """

    channel: str
    label: str
    values: np.ndarray
    reference: str
    broken: str = ""
    kind: Literal["law", "upper", "lower", "band"] = "law"
    component: int | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One claim of a preset as a number. `holds` is None until the run is long enough to tell, never at its end.

    `kind` tells what is claimed: a value within `tolerance` of `predicted`, or one above or below it. `reason` says
    why a tolerance is wider than a quarter of what is predicted, or than a quarter of a decade of a logarithm: the
    measured spread over seeds.
    """

    claim: str
    measured: float | None
    predicted: float
    tolerance: float
    holds: bool | None
    kind: Literal["near", "above", "below"] = "near"
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as a JSON object."""
        return dict(vars(self))


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A part of a run that the theory names, from its step to that of the next; `doc` says what happens in it."""

    step: float
    label: str
    doc: str = ""


@dataclass(frozen=True, kw_only=True)
class Term:
    """An entry of an engine's glossary: a term of art in two sentences. `forms` are other ways to write it."""

    name: str
    text: str
    formula: str = ""
    forms: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Story:
    """An explanation of what is seen: the formula, the sentences with live numbers in them, the reference."""

    formula: str
    text: str
    reference: str


@dataclass(frozen=True, kw_only=True)
class OwnFile:
    """A file of a reader's own that a knob points to: how its name ends, and the most bytes that are read."""

    knob: str
    suffix: str
    limit: int
    doc: str


@dataclass(frozen=True, kw_only=True)
class OwnFiles:
    """Files that a reader may bring together, and the knobs that have to be set so that they are used.

    `choices` are knobs whose value the reader is asked for with the files.
    """

    name: str
    label: str
    files: tuple[OwnFile, ...]
    knobs: dict[str, Any]
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Action:
    """A button that writes the current step into a live knob."""

    name: str
    label: str
    doc: str
    knob: str


class Line(NamedTuple):
    """A curve of theory on the map of a sweep: values of its two knobs, `[n]` each."""

    across: np.ndarray
    up: np.ndarray
    label: str
    at: Mapping[str, Any] = {}
    """The slices on which it is drawn, by values of further knobs; all where none is named."""


@dataclass(frozen=True, kw_only=True)
class NamedSweep:
    """A sweep that an engine offers by name: its axes, the map that is drawn of it, theory on the map, verdicts.

    `value`, `lines` and `judge` are given what the sweep measured, over its axes, and the base configuration.
    """

    name: str
    title: str
    look_for: str
    set: Mapping[str, Any]
    """Knob values; a list is an axis, of seeds, too."""
    steps: int
    measures: tuple[str, ...]
    across: str
    up: str
    """The knobs of the map's axes."""
    label: str
    """The name of what the map shows."""
    value: Callable[[Dataset, Any], DataArray]
    """The numbers of the map, over `across`, `up` and the knobs by which it is sliced."""
    lines: Callable[[Dataset, Any], list[Line]] = lambda data, config: []
    judge: Callable[[Dataset, Any], list[Verdict]] = lambda data, config: []
    small: Mapping[str, Any] = field(default_factory=dict)
    """Values in place of those of `set` with which it takes a few seconds; `steps` may be among them."""
    heuristic: str = ""
    """Why theory's lines are no theorem; "" where they are."""
    source: str = ""
