"""Plans of sweeps: their points, and the tasks into which these are divided."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice, product
from math import prod
from typing import Any, Self

from engines.core.files import store
from engines.core.protocol.config import Config
from engines.core.protocol.edits import is_list
from engines.core.protocol.engine import Engine
from engines.core.protocol.errors import ConfigError, StoreError
from engines.core.protocol.registry import load
from engines.core.runs.experiment import Experiment, seeded
from engines.core.sweeps.measures import Measure, default_measures, parse_measure

FORMAT = 1

MEMBERS = 64
"""The most members of a task: more make a batch hardly cheaper, and fewer tasks divide worse among processes."""

BYTES = 2**30
"""Bytes that the problem and the states of a task may take. A constant: tasks must not depend on the machine."""

MOST = 10**7
"""The most points of a sweep."""

MANY = 1000
"""Points that are tried for one that the engine takes."""

Point = dict[str, Any]
"""The value of each swept knob."""


@dataclass(frozen=True)
class Plan:
    """A sweep as a value: an experiment, and the knobs whose values it is repeated with.

    A *point* gives each swept knob one value; at each point the members of `experiment` are computed. Knobs of the role
    `shape` vary slowest, so that the members of a task share their batches.
    """

    experiment: Experiment
    axes: Mapping[str, Sequence[Any]]
    measures: tuple[Measure, ...]
    judged: bool = False
    """Whether the claims of the preset are judged at each point."""
    keeps_runs: bool = False
    """Whether all that was recorded is kept, beside the measures."""
    named: str = ""
    """The name under which the engine offers it; "" for one of the reader's own."""

    @classmethod
    def make(
        cls,
        engine: Engine,
        preset: str | None = None,
        set: Mapping[str, Any] | None = None,
        seeds: Sequence[int] | None = None,
        steps: int | None = None,
        measures: Sequence[str] = (),
        judged: bool = False,
        keeps_runs: bool = False,
    ) -> Self:
        """Plan a sweep of a preset (or the defaults): a list of `set` makes an axis, a value holds everywhere.

        Every value of every axis is checked. Raises `ConfigError` or `UnknownName`.
        """
        chosen = engine.preset(preset) if preset else None
        swept = engine.Config.current(set or {}) | seeded(set or {}, seeds)
        several = {name: value for name, value in swept.items() if is_list(value)}
        if (count := prod(len(values) for values in several.values() if isinstance(values, Sized))) > MOST:
            raise ConfigError(f"the sweep would have {count:,} points; the limit is {MOST:,}")
        axes = {name: list(values) for name, values in several.items()}
        fixed = {name: value for name, value in swept.items() if name not in axes}
        try:
            experiment = Experiment.from_preset(engine, chosen, fixed, None, steps)
        except ConfigError:  # a default may contradict what is fixed, and the axes have other values
            first = {name: values[0] for name, values in axes.items() if values}
            experiment = Experiment.from_preset(engine, chosen, fixed | first, None, steps)
        for name, values in axes.items():
            axes[name] = [engine.Config.knob(name).check(engine.Config.__name__, value) for value in values]
            if not values or len(dict.fromkeys(axes[name])) < len(values):
                raise ConfigError(f"the axis of {name} is empty or has a value twice")
        if judged and not chosen:
            raise ConfigError("claims belong to a preset: name one, or leave them out")
        chosen_measures = tuple(parse_measure(engine, text) for text in measures) or default_measures(engine)
        return cls(experiment, axes, chosen_measures, judged, keeps_runs)

    @classmethod
    def from_name(
        cls, engine: Engine, name: str, small: bool = False, set: Mapping[str, Any] | None = None, **options: Any
    ) -> Self:
        """Plan a sweep that the engine offers, or its `small` version; `set` replaces values of knobs.

        `options` are those of `make`. Raises `ConfigError` or `UnknownName`.
        """
        named = engine.sweep(name)
        values = dict(named.set) | (dict(named.small) if small else {})
        steps = values.pop("steps", named.steps)
        options = {key: value for key, value in options.items() if value}
        chosen = {"steps": steps, "measures": named.measures} | options
        made = cls.make(engine, set=values | dict(set or {}), **chosen)
        missing = [knob for knob in (named.across, named.up) if knob not in made.axes]
        if missing:
            raise ConfigError(f"the map of the sweep {name} is drawn over {missing[0]}: give it several values")
        return replace(made, named=name)

    @property
    def engine(self) -> Engine:
        """The engine of the experiment."""
        return self.experiment.engine

    def __len__(self) -> int:
        """Count the points."""
        return prod(len(values) for values in self.axes.values())

    @cached_property
    def group(self) -> list[Config]:
        """The members at the first point whose values do not contradict each other. Raises `ConfigError`."""
        refused = ConfigError("a sweep has an axis without values")
        for values in islice(product(*self.axes.values()), MANY):
            try:
                return self.configs(dict(zip(self.axes, values, strict=True)))
            except ConfigError as error:
                refused = error
        raise refused

    def configs(self, point: Point) -> list[Config]:
        """Return the members at a point. Raises `ConfigError` where its values contradict each other."""
        return self.experiment.override(point).configs()

    def tasks(self) -> Iterator[Task]:
        """Yield the tasks in their order; it does not depend on the machine."""
        others = self._axes(shape=False)
        for fixed in self._shapes():
            points = (
                {name: (fixed | dict(zip(others, values, strict=True)))[name] for name in self.axes}
                for values in product(*others.values())
            )
            size = self._points_per_task(fixed)
            while chunk := tuple(islice(points, size)):
                yield Task(self, chunk)

    def count_tasks(self) -> int:
        """Count the tasks without making their points."""
        others = prod(len(values) for values in self._axes(shape=False).values())
        return sum(-(-others // self._points_per_task(fixed)) for fixed in self._shapes())

    def _axes(self, shape: bool) -> Mapping[str, Sequence[Any]]:
        """Return the axes whose knobs have the role `shape`, or the others."""
        of_shape = {name: self.engine.Config.knob(name).role == "shape" for name in self.axes}
        return {name: values for name, values in self.axes.items() if of_shape[name] == shape}

    def _shapes(self) -> Iterator[Point]:
        axes = self._axes(shape=True)
        return (dict(zip(axes, values, strict=True)) for values in product(*axes.values()))

    def _points_per_task(self, shape: Point) -> int:
        first = {name: values[0] for name, values in self.axes.items()} | shape
        try:
            configs = self.configs(first)
        except ConfigError:  # each point of a task is asked again, by itself
            return 1
        each = max(1, self.engine.nbytes(configs))
        return max(1, min(MEMBERS // len(configs), BYTES // each))

    @cached_property
    def record(self) -> dict[str, Any]:
        """Describe the whole plan as a JSON object."""
        return {
            "format": FORMAT,
            "experiment": json.loads(self.experiment.to_json()),
            "axes": {name: list(values) for name, values in self.axes.items()},
            "measures": [measure.text for measure in self.measures],
            "judged": self.judged,
            "keeps_runs": self.keeps_runs,
        } | ({"named": self.named} if self.named else {})

    @cached_property
    def shared(self) -> dict[str, Any]:
        """Describe what all tasks share: the plan without its axes, which may have a million values."""
        return self.record | {"axes": {}}

    def to_json(self) -> str:
        """Write everything, as the file `sweep.json` and the workers get it."""
        return json.dumps(self.record)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the plan that `to_json` wrote. Raises `ConfigError` for one that is damaged or of an absent engine."""
        try:
            about = json.loads(text)
            store.require_format(about["format"], FORMAT)
            engine = load(about["experiment"]["engine"])
            experiment = Experiment.from_json(engine, json.dumps(about["experiment"]))
            knobs = engine.Config.current(about["axes"])
            axes = {name: [engine.Config.knob(name).check("sweep", v) for v in vs] for name, vs in knobs.items()}
            measures = tuple(parse_measure(engine, text) for text in about["measures"])
            if not measures or not all(axes.values()):
                raise ConfigError("this is no description of a sweep: it has no measure, or an axis without values")
            named = str(about.get("named", ""))
            return cls(experiment, axes, measures, about["judged"] is True, about["keeps_runs"] is True, named)
        except StoreError as error:
            raise ConfigError(str(error)) from None
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise ConfigError(f"this is no description of a sweep: {store.reason(error)}") from None


@dataclass(frozen=True)
class Task:
    """Some points of a sweep, computed together."""

    plan: Plan
    points: tuple[Point, ...]

    @cached_property
    def digest(self) -> str:
        """Thirty-two hexadecimal digits that name what is computed: equal ones of equal versions give equal numbers."""
        return hashlib.sha256(json.dumps([self.plan.shared, self.points], sort_keys=True).encode()).hexdigest()[:32]

    def to_json(self) -> str:
        """Write the task for a worker."""
        return json.dumps({"plan": self.plan.shared, "points": self.points})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Restore the task of which `to_json` wrote; its plan has no axes."""
        about = json.loads(text)
        return cls(Plan.from_json(json.dumps(about["plan"])), tuple(about["points"]))
