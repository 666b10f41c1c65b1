"""The protocol: what an engine is made of. Types only; nothing here computes.

`B` is the number of members of a batch. Every tensor that evolves has it as its leading axis.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, NamedTuple, TypeVar

import numpy as np

from engines.core.config import Config, Knob
from engines.core.errors import UnknownName
from engines.core.pictures import Picture

if TYPE_CHECKING:
    from torch import Tensor, device  # for annotations alone, so that engines are found without waiting for torch

    from engines.core.probing import Part
    from engines.core.run import Run

C = TypeVar("C", bound=Config)
P = TypeVar("P")
S = TypeVar("S", bound=tuple)


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
    """A picture declared as data. `line` draws channels over `x`; the other kinds show one step, the cursor's.

    `heatmap` draws its channels beside one another on one colour scale. `scatter` draws the last channel against
    the first, or against its index. `space` draws two or three channels as coordinates, with one scale for all.
    `profile` draws a vector over its index. `sweep` draws every member's value over the knob that varies most,
    `map` as colours over the two that do.
    """

    name: str
    title: str
    channels: tuple[str, ...]
    doc: str
    kind: Literal["line", "bars", "heatmap", "scatter", "space", "profile", "sweep", "map"] = "line"
    x: str = "step"
    log_x: bool = False
    log_y: bool = True
    symlog: float = 0.0
    """Where positive, `log_y` means a scale for both signs: logarithmic beyond this size, linear within it."""
    by: str = ""
    """Scatter, space: the channel that holds the class of each point, a place in `classes`; one member is shown."""
    classes: tuple[str, ...] = ()
    guide: str = ""
    """Space: the class that is no data; it is drawn thin and grey."""
    labels: tuple[str, ...] = ()
    """Bars, profile: what the first components are called; the others go by their numbers."""

    def component(self, at: int) -> str:
        """What a component is called, its number from 1 on where it has no label."""
        return self.labels[at] if at < len(self.labels) else str(at + 1)


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a theorem says about one channel of one configuration, on the given steps.

    `values` is `[T]`; of a vector channel `component` says which entry is meant. `broken` names the assumption that
    the configuration violates ("" when all hold): such a curve is drawn grey. `kind` tells a law from a one-sided
    bound.
    """

    channel: str
    label: str
    values: np.ndarray
    reference: str
    broken: str = ""
    kind: Literal["law", "upper", "lower"] = "law"
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
        """The verdict as a JSON object."""
        return dict(vars(self))


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One experiment: a configuration, what is spread over members, how long, and how to judge it."""

    name: str
    title: str
    look_for: str
    set: Mapping[str, Any] = field(default_factory=dict)
    """Knob values; a list spreads into an ensemble (the product of all lists and seeds)."""
    cases: tuple[Mapping[str, Any], ...] = ()
    """Members that differ in several knobs at once, each multiplied with the product of `set`."""
    seeds: tuple[int, ...] = (0,)
    steps: int = 1000
    judge: Callable[[Run], list[Verdict]] = lambda run: []
    probes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Probes of every member at the last step, each with its options, on whose outcomes claims rest."""
    log_x: bool = False
    lead: str = ""
    """The figure that tells it, put first; "" keeps the engine's order."""
    follows: str = ""
    """The name of the preset that is offered next."""
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A moment that the theory names, marked on the time axis."""

    step: float
    label: str


@dataclass(frozen=True, kw_only=True)
class Story:
    """What the reader is seeing: the formula, the sentences with live numbers in them, the reference."""

    formula: str
    text: str
    reference: str


@dataclass(frozen=True, kw_only=True)
class Probe:
    """An expensive observable computed on demand: `compute(run, member, step, **options) -> {name: number or array}`.

    `compute` may also be a generator of `probing.Part`. `pictures` say how the page draws the arrays; the numbers are
    shown beside them. `knobs` say what an option may be; defaults and types are those of `compute`.
    """

    name: str
    doc: str
    compute: Callable[..., Mapping[str, Any] | Iterator[Part]]
    title: str = ""
    pictures: tuple[Picture, ...] = ()
    knobs: tuple[Knob, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Action:
    """A button that writes the current step into a live knob."""

    name: str
    label: str
    doc: str
    knob: str


class Frame(NamedTuple):
    """All channels of all members at one step; immutable."""

    step: int
    values: Mapping[str, np.ndarray]


class Engine(ABC, Generic[C, P, S]):
    """A model of learning as pure functions over a frozen configuration."""

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    references: ClassVar[tuple[str, ...]]
    Config: ClassVar[type[Config]]
    channels: ClassVar[tuple[Channel, ...]]
    plots: ClassVar[tuple[Plot, ...]]
    presets: ClassVar[tuple[Preset, ...]]
    probes: ClassVar[tuple[Probe, ...]] = ()
    actions: ClassVar[tuple[Action, ...]] = ()
    opening: ClassVar[str]
    """The name of the preset on which the page opens."""

    @abstractmethod
    def problem(self, configs: Sequence[C], device: device) -> P:
        """Constants of a batch: operators, data, truth. Recomputable from the configurations, never saved."""

    @abstractmethod
    def init(self, configs: Sequence[C], problem: P) -> S:
        """What evolves, and nothing else: a NamedTuple of tensors `[B, ...]`."""

    @abstractmethod
    def step(self, problem: P, state: S, knobs: Mapping[str, Tensor]) -> S:
        """One step; pure. `knobs` holds each numeric `init` and `live` knob as a tensor `[B]`."""

    @abstractmethod
    def observe(self, problem: P, state: S, knobs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """All channels that are not `thin`, each `[B, *dims]`; cheap."""

    def snapshot(self, problem: P, state: S, knobs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """All `thin` channels, each `[B, *dims]`."""
        return {}

    def capturable(self, problem: P) -> bool:
        """Whether `step` has no data-dependent control flow, so that a CUDA graph may record it."""
        return False

    def place(self, configs: Sequence[C], device: device) -> device:
        """Where a batch is computed: what is too small for a card may stay on the processor."""
        return device

    def nbytes(self, configs: Sequence[C]) -> int:
        """An estimate of the memory that the problem and the states of one batch take, all its members, in bytes."""
        return 0

    def theory(self, config: C, steps: np.ndarray) -> list[Prediction]:
        """Predictions for one configuration, from its knobs alone."""
        return []

    def phases(self, run: Run, member: int) -> list[Phase]:
        """Moments of one member's run that the theory names."""
        return []

    @abstractmethod
    def story(self, run: Run, member: int) -> Story:
        """What the reader is seeing, with the run's numbers in it."""

    def caution(self, config: C) -> str:
        """A sentence about a configuration that is allowed but cannot show what it should; "" where all is well."""
        return ""

    def idle(self, config: C) -> frozenset[str]:
        """Knobs that change nothing with these values of the others; the page leaves them out."""
        return frozenset()

    def blank(self, config: C) -> frozenset[str]:
        """Plots that have nothing to show with these knobs; the page leaves them out."""
        return frozenset()

    def stability(self, config: C) -> str:
        """A sentence that offers a stable step size where a run with `config` diverges."""
        return ""

    def preset(self, name: str) -> Preset:
        """One preset by name; raises `UnknownName`."""
        return _find(f"preset of {self.name}", name, self.presets)

    def channel(self, name: str) -> Channel:
        """One channel by name; raises `UnknownName`."""
        return _find(f"channel of {self.name}", name, self.channels)

    def probe(self, name: str) -> Probe:
        """One probe by name; raises `UnknownName`."""
        return _find(f"probe of {self.name}", name, self.probes)


def _find(kind: str, name: str, items: Sequence[Any]) -> Any:
    for item in items:
        if item.name == name:
            return item
    raise UnknownName(kind, name, [item.name for item in items])
