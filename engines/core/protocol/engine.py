"""The protocol: an engine, its presets and probes, and the data of a run that they read. Nothing here computes.

`B` is the number of members of a batch. Every tensor that evolves has it as its leading axis.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, NamedTuple, Self, TypeVar

import numpy as np

from engines.core.data.recording import Recording
from engines.core.protocol.config import Config, Knob, check_index
from engines.core.protocol.declarations import (
    Action,
    Channel,
    NamedSweep,
    OwnFiles,
    Phase,
    Plot,
    Prediction,
    Story,
    Term,
    Verdict,
)
from engines.core.protocol.device_choice import choose_device
from engines.core.protocol.errors import ConfigError, UnknownName
from engines.core.protocol.probe_figures import Picture

if TYPE_CHECKING:
    from torch import Tensor, device  # for annotations alone, so that engines are found without waiting for torch


C = TypeVar("C", bound=Config)
P = TypeVar("P")
S = TypeVar("S", bound=tuple)


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
    case_labels: tuple[str, ...] = ()
    """Names of the cases for readers, in their order; cases that share a label are told apart by their knobs."""
    seeds: tuple[int, ...] = (0,)
    steps: int = 1000
    cost: Literal["light", "long", "heavy"] = "light"
    """Which tests run it with every change: all where it is light (a whole run takes about two seconds), those of its
    first steps where it is long, none where these alone take seconds. `make thorough` runs all of all."""
    judge: Callable[[RunData], list[Verdict]] = lambda run: []
    probes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Probes of every member at the last step, each with its options, on whose results claims rest."""
    log_x: bool = False
    lead: str = ""
    """Name of the plot that shows it best, put first; "" keeps the engine's order."""
    follows: str = ""
    """The name of the preset that is offered next."""
    source: str = ""


class Part(NamedTuple):
    """The values of a probe when a share of its work is done; the last part has the result."""

    share: float
    """Share of the work that is done, 0 to 1."""
    values: Mapping[str, Any]
    """Numbers and arrays by name; fewer of them, or arrays with NaN, before the end."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """An expensive observable computed on demand: `compute(run, member, step, **options) -> {name: number or array}`.

    `compute` may also be a generator of `Part`. `pictures` say how the page draws the arrays; the numbers are
    shown beside them. `knobs` say what an option may be; defaults and types are those of `compute`.
    """

    name: str
    doc: str
    compute: Callable[..., Mapping[str, Any] | Iterator[Part]]
    title: str = ""
    pictures: tuple[Picture, ...] = ()
    knobs: tuple[Knob, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    """Names of its numbers for readers, where their names in words do not say it."""
    quick: bool = False
    """Whether a result that is shown is computed anew as soon as an option is turned."""
    applies: Callable[[Any], bool] = lambda config: True
    """Whether it is about such a configuration; the page offers no others."""


class RunData:
    """An ensemble's configurations with everything recorded of it.

    Attributes
    ----------
    configs : the configuration of each member as live edits left it, `[B]`
    initial_configs : the configuration with which each member began, `[B]`
    recording : the frames
    diverged_at : the step at which each member left the finite numbers, -1 where it did not, `[B]`
    cancelled : set where nobody waits any longer for what is being computed of the run
    probe_results : what the probes of the preset found, by probe and member
    notes : sentences about what the run cannot show, and about values that change nothing
    device : where it is computed, or was
    """

    verdicts: Sequence[Mapping[str, Any]] = ()
    """The claims of its preset as JSON objects, where it can judge them."""
    name = ""
    """The name that a reader gave it in a library."""
    tags: tuple[str, ...] = ()
    """Words under which a reader finds it again."""
    note = ""
    """A text that a reader wrote about it."""
    stored = ""
    """Time in UTC at which it was stored in a library, as ISO 8601 writes it."""
    checkpoint = ""
    """The file with its state at its last step, beside its own; "" where there is none."""

    cancelled = False
    interrupted = False
    """Whether it was to go on when what is recorded was stored: the program was ended, or lost."""
    notes: tuple[str, ...] = ()

    def __init__(self, engine: Engine, configs: Sequence[Config], *, preset: Preset | None = None, device: str = "cpu"):
        self.engine, self.preset, self.device = engine, preset, device
        self.configs: list[Any] = list(configs)  # of the engine's own kind
        self.initial_configs = tuple(configs)
        self.recording = Recording()
        self.diverged_at = np.full(len(configs), -1)
        self.thin = frozenset(channel.name for channel in engine.channels if channel.thin)
        self.probe_results: dict[tuple[str, int], Mapping[str, Any]] = {}

    @property
    def steps(self) -> np.ndarray:
        """Observed steps `[T]`."""
        return self.recording.dense.steps

    def __getitem__(self, channel: str) -> np.ndarray:
        """Return all values of a channel, `[T, B, *dims]` (thin channels have fewer rows).

        They are NaN once a member has diverged. Raises `UnknownName` for a channel that does not exist, `ConfigError`
        for one that is not recorded.
        """
        self._require(channel)
        return self.recording.series(channel)[channel]

    def _require(self, *channels: str) -> None:
        for channel in channels:
            if channel not in self.recording.series(channel).names:
                self.engine.channel(channel)
                raise ConfigError(f"the channel {channel} is not recorded in this run of {len(self)} frames")

    def __len__(self) -> int:
        return len(self.recording.dense)

    def curve(self, channel: str, member: int) -> tuple[np.ndarray, np.ndarray]:
        """Return steps `[T]` and values `[T, *dims]` of one member, up to where it diverged."""
        steps, values = self.curves(member, channel)
        return steps, values

    def curves(self, member: int, *channels: str) -> tuple[np.ndarray, ...]:
        """Return steps `[T]` and channels `[T, *dims]` of a member, all dense or all thin, up to where it diverged."""
        self._require(*channels)
        member = self._member(member)
        steps, *values = self.recording.series(channels[0]).read(*channels)
        end = self.diverged_at[member]
        size = int(np.searchsorted(steps, end)) if end >= 0 else len(steps)
        return steps[:size], *(value[:size, member] for value in values)

    def final(self, member: int) -> dict[str, float]:
        """Return the last value of each scalar channel of one member; NaN where it diverged.

        Channels that are not recorded, as in a file that is older than they are, are left out.
        """
        member = self._member(member)
        scalars = [c.name for c in self.engine.channels if not c.dims and c.name in self.recording.series(c.name).names]
        return {name: float(self[name][-1, member]) for name in scalars}

    def where(self, **values: Any) -> list[int]:
        """List the members whose knobs have these values. Raises `UnknownName`."""
        values = self.engine.Config.current(values)
        for name in values:
            self.engine.Config.knob(name)
        return [i for i, c in enumerate(self.configs) if all(getattr(c, k) == v for k, v in values.items())]

    def config(self, member: int, step: int) -> Any:
        """Return the configuration of one member at `step`, with the live edits made until then."""
        events = [event for event in self.recording.events if event.step <= step and member in event.members]
        return self.initial_configs[member].replace(**{event.knob: event.value for event in events})

    def until(self, step: int) -> Self:
        """Return the run as it was at `step`: what is recorded or edited after, even from now on, is not in it."""
        earlier = type(self)(self.engine, self.initial_configs, preset=self.preset, device=self.device)
        earlier.recording = self.recording.until(step)
        earlier.configs = [earlier.config(member, step) for member in range(len(self.initial_configs))]
        earlier.diverged_at = np.where(self.diverged_at > step, -1, self.diverged_at)
        return earlier

    def select(self, members: Sequence[int]) -> Self:
        """Return the run of some of its members alone, in the order given."""
        place = {member: index for index, member in enumerate(map(self._member, members))}
        selected = type(self)(
            self.engine, [self.initial_configs[i] for i in place], preset=self.preset, device=self.device
        )
        selected.configs = [self.configs[i] for i in place]
        selected.diverged_at = self.diverged_at[list(place)]
        events = [
            replace(event, members=tuple(place[i] for i in event.members if i in place))
            for event in self.recording.events
        ]
        dense, thin = (series.select(list(place)) for series in (self.recording.dense, self.recording.thin))
        selected.recording = Recording(dense, thin, [event for event in events if event.members])
        selected.probe_results = {(n, place[i]): values for (n, i), values in self.probe_results.items() if i in place}
        selected.notes = self.notes
        return selected

    def copy(self) -> Self:
        """Return the run as it is now: the two change apart, though no recorded number is copied."""
        copy = self.until(int(self.steps[-1]))
        copy.probe_results, copy.notes = dict(self.probe_results), self.notes
        return copy

    @property
    def finished(self) -> bool:
        """Whether nothing can change its claims: it is as long as its preset's and probed, or every member diverged."""
        if not (self.preset and len(self)):
            return False
        if (self.diverged_at >= 0).all():
            return True
        if self.steps[-1] < self.preset.steps:
            return False
        members = range(len(self.configs))
        return all((name, member) in self.probe_results for name in self.preset.probes for member in members)

    def _member(self, member: int) -> int:
        return check_index("member", member, len(self.configs) - 1)


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
    sweeps: ClassVar[tuple[NamedSweep, ...]] = ()
    actions: ClassVar[tuple[Action, ...]] = ()
    own_files: ClassVar[tuple[OwnFiles, ...]] = ()
    takes_subjects: ClassVar[bool] = False
    """Whether a person's own `Subject` can be analysed, see `bring`."""
    glossary: ClassVar[tuple[Term, ...]] = ()
    opening: ClassVar[str]
    """The name of the preset on which the page opens."""

    @abstractmethod
    def problem(self, configs: Sequence[C], device: device) -> P:
        """Return the constants of a batch: operators, data, truth. They are recomputed, never saved."""

    @abstractmethod
    def init(self, configs: Sequence[C], problem: P) -> S:
        """Return what evolves, and nothing else, at step 0: a NamedTuple of tensors `[B, *]`."""

    @abstractmethod
    def step(self, problem: P, state: S, knobs: Mapping[str, Tensor]) -> S:
        """Take one step; pure. `knobs` holds each numeric `init` and `live` knob as a tensor `[B]`."""

    def steps(self, problem: P, state: S, knobs: Mapping[str, Tensor], count: int) -> S:
        """Take `count` steps, to the same bits as one by one; tensors of the state are `[B, *]`, knobs `[B]`.

        Overridden where steps have something in common that is computed once.
        """
        for _ in range(count):
            state = self.step(problem, state, knobs)
        return state

    @abstractmethod
    def observe(self, problem: P, state: S, knobs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return all channels that are not `thin`, each `[B, *dims]`; cheap."""

    def snapshot(self, problem: P, state: S, knobs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return all `thin` channels, each `[B, *dims]`."""
        return {}

    def members(self, problem: P, places: slice) -> P | None:
        """Return the constants of some members alone; None where members share what a step reads."""
        return None

    def gather(self, problem: P, index: Tensor) -> P | None:
        """Return the constants of the members at `index` `[b]`, which may repeat; None where steps are seen one by one.

        States of several steps are then observed at once. It is for problems so small that calling their operations
        is what costs; not where a product serves all members, which rounds by how many there are.
        """
        return None

    def capturable(self, problem: P) -> bool:
        """Return whether `step` has no data-dependent control flow, so that a CUDA graph may record it."""
        return False

    def place(self, configs: Sequence[C], device: device) -> device:
        """Choose where a batch is computed: what is too small for a GPU stays on the processor."""
        return choose_device(device, self.nbytes(configs))

    def nbytes(self, configs: Sequence[C]) -> int:
        """Estimate the memory that the problem and the states of one batch take, all its members, in bytes."""
        return 0

    def theory(self, config: C, steps: np.ndarray) -> list[Prediction]:
        """Predict curves of one configuration at steps `[T]`, from its knobs alone."""
        return []

    def phases(self, run: RunData, member: int) -> list[Phase]:
        """List moments of one member's run that the theory names."""
        return []

    @abstractmethod
    def story(self, run: RunData, member: int) -> Story:
        """Explain what there is to see of a member, with the run's numbers in it."""

    def caution(self, config: C) -> str:
        """Say why a configuration that is allowed cannot show what it should; "" where it can."""
        return ""

    def idle(self, config: C) -> frozenset[str]:
        """Name the knobs that change nothing with these values of the others; the page leaves them out."""
        return frozenset()

    def blank(self, config: C) -> frozenset[str]:
        """Name the plots that have nothing to show with these knobs; the page leaves them out."""
        return frozenset()

    def for_configs(self, configs: Sequence[C]) -> Engine[C, P, S]:
        """Return the engine of runs with these configurations; another one where channels depend on them."""
        return self

    def knobs_for(self, subject: Any) -> dict[str, Any]:
        """Return the knobs with which a subject that a person brings is analysed. Raises `ConfigError`."""
        raise ConfigError(f"{self.title} takes no subject of your own")

    def stability(self, config: C) -> str:
        """Offer a stable step size in a sentence where a run with `config` diverges."""
        return ""

    def preset(self, name: str) -> Preset:
        """Return one preset by name; raises `UnknownName`."""
        return _find(f"preset of {self.name}", name, self.presets)

    def channel(self, name: str) -> Channel:
        """Return one channel by name; raises `UnknownName`."""
        return _find(f"channel of {self.name}", name, self.channels)

    def sweep(self, name: str) -> NamedSweep:
        """Return one named sweep; raises `UnknownName`."""
        return _find(f"sweep of {self.name}", name, self.sweeps)

    def probe(self, name: str) -> Probe:
        """Return one probe by name; raises `UnknownName`."""
        return _find(f"probe of {self.name}", name, self.probes)


def _find(kind: str, name: str, items: Sequence[Any]) -> Any:
    for item in items:
        if item.name == name:
            return item
    raise UnknownName(kind, name, [item.name for item in items])
