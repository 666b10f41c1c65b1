"""Experiments as values: a complete configuration, what is spread over members, and how far to run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, product
from math import prod
from typing import Any, Self

from engines.core.data.recording import Event
from engines.core.protocol import registry
from engines.core.protocol.config import Config, Knob, varied
from engines.core.protocol.edits import check_edits, is_list
from engines.core.protocol.engine import Engine, Preset, RunData
from engines.core.protocol.errors import ConfigError, engine_failures, quote

LIMIT = 4096
"""The most members that one ensemble may have."""

STEPS = Knob(name="steps", type=int, default=1000, doc="how far to run", bounds=(1, 10**9))
"""How far a run may be asked to go."""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A description of what to run.

    The members are cases x the product of all axes, in that order, the last axis fastest.
    """

    engine: Engine
    base: Config
    axes: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """Knob -> the values that it takes over the members."""
    cases: tuple[Mapping[str, Any], ...] = ({},)
    """Members that differ in several knobs at once."""
    steps: int = 1000
    preset: Preset | None = None
    edits: tuple[Event, ...] = ()
    """Live edits to make on the way; `override` drops them."""

    @classmethod
    def from_preset(
        cls,
        engine: Engine,
        preset: Preset | None = None,
        set: Mapping[str, Any] | None = None,
        seeds: Sequence[int] | None = None,
        steps: int | None = None,
        cases: Sequence[Mapping[str, Any]] | None = None,
        edits: Sequence[tuple[int, str, Any, Sequence[int]]] = (),
    ) -> Self:
        """Make an experiment of a preset (or the defaults) with some knobs overridden; a list makes an axis.

        `cases` and `edits` are as in `engines.run`. Raises `UnknownName` for a knob that does not exist and
        `ConfigError` for a value out of bounds, or one that would be computed twice.
        """
        set = {} if set is None else set
        several = () if cases is None else list(cases) if is_list(cases) else cases
        _check_cases(set, several)
        set = engine.Config.current(set)
        translated = [_checked(engine.Config, engine.Config.current(case)) for case in several]
        cases = None if cases is None else translated
        _check_once("cases", translated)
        start = cls(engine=engine, base=engine.Config())
        if preset:
            start = replace(start, preset=preset, steps=preset.steps)
            start = start.override(dict(preset.set) | {"seed": preset.seeds}, preset.cases if cases is None else ())
        chosen = _distinct(engine.Config, set | seeded(set, seeds))
        experiment = replace(start.override(chosen, cases), steps=_steps(start.steps if steps is None else steps))
        experiment = experiment._with_edits(edits)
        for edit in experiment.edits:
            if edit.step > experiment.steps:
                raise ConfigError(f"the edit of {edit.knob} at step {edit.step} is after the last, {experiment.steps}")
        return experiment

    def _with_edits(self, edits: Any) -> Self:
        """Add live edits, each checked. Raises `ConfigError`."""
        return replace(self, edits=check_edits(self.engine, edits, self.configs()))

    @classmethod
    def from_run(cls, run: RunData) -> Self:
        """Make the experiment that repeats a run: each member as it began, and the live edits since.

        Raises `ConfigError` for a run in which nothing is recorded.
        """
        if not len(run):
            raise ConfigError("nothing is recorded in this run")
        configs = run.initial_configs
        knobs = varied(configs)
        cases = tuple({name: getattr(config, name) for name in knobs} for config in configs)
        steps = max(1, int(run.steps[-1]))
        return cls(
            engine=run.engine, base=configs[0], cases=cases, steps=steps, preset=run.preset,
            edits=tuple(run.recording.events),
        )  # fmt: skip

    def override(self, values: Mapping[str, Any], cases: Sequence[Mapping[str, Any]] | None = None) -> Self:
        """Set knobs in every member: a list makes an axis, a value ends one. Cases that become equal merge.

        `cases` replace those that there are, and may set the same knobs again.
        """
        kind = type(self.base)
        for name in values:
            kind.knob(name)
        lists = {name: tuple(value) for name, value in values.items() if is_list(value)}
        spread = {name for case in cases or () for name in case}
        axes = {name: axis for name, axis in self.axes.items() if name not in values and name not in spread}
        axes |= {name: axis for name, axis in lists.items() if len(axis) != 1}
        singles = {n: lists[n][0] if len(lists.get(n, ())) == 1 else v for n, v in values.items()}
        if cases is None:
            others = [{n: v for n, v in case.items() if n not in values} for case in self.cases]
            cases = [case for i, case in enumerate(others) if case not in others[:i]]
        fixed = {name: value for name, value in singles.items() if name not in axes}
        cases = tuple(cases) or ({},)
        return replace(self, base=self._base(fixed, axes, cases), axes=axes, cases=cases, edits=())

    def reseeded(self) -> Self:
        """Give every member a seed that none of them had, and no edits on the way."""
        if any("seed" in case for case in self.cases):
            cases = [{**case, "seed": case["seed"] + 1} if "seed" in case else case for case in self.cases]
            return replace(self, cases=tuple(cases))
        seeds = list(self.axes.get("seed", (self.base.seed,)))  # type: ignore[attr-defined]
        return self.override({"seed": [seed + max(seeds) - min(seeds) + 1 for seed in seeds]})

    def edit(self, values: Mapping[str, Any]) -> tuple[Self, tuple[Event, ...] | None]:
        """Turn knobs in every member: the experiment with these values, and the live edits that lead a run there.

        The edits are None where only a restart does: a knob is not live, a list spreads one, or members merge. Raises
        `ConfigError` or `UnknownName`.

        This is the one check of a knob that is turned. The value of a slider goes from the widget (`controls/knobs`)
        to the session's `edit`, which asks its experiment here. `override` makes every member's `Config` anew, and
        that refuses what is out of bounds or contradicts another knob; the session is then left as it was. The value,
        now in the knob's own type, stands in the experiment that the session holds and in an `Event`, which the
        session hands to `Runner.apply`. The runner trusts it and queues it. The scheduler's thread records the newest
        frame, gives `Simulation.set` one value a member as a tensor `[B]`, which the next `Engine.step` reads, and
        logs the event with its step in the recording. Edits of links, files and calls come through `protocol/edits`,
        which checks them in the same types.
        """
        experiment = self.override(values)
        before, after = self.configs(), experiment.configs()
        knobs = self.engine.Config.knobs()
        live = all(knobs[name].role == "live" and not is_list(value) for name, value in values.items())
        if not live or len(before) != len(after):
            return experiment, None
        everyone = tuple(range(len(after)))
        return experiment, tuple(Event(0, name, getattr(after[0], name), everyone) for name in values)

    def _base(
        self, fixed: Mapping[str, Any], axes: Mapping[str, Sequence[Any]], cases: Sequence[Mapping[str, Any]]
    ) -> Config:
        # An axis lends its first value, and the first case what every case sets: the base is valid where a member is.
        first = {name: axis[0] for name, axis in axes.items() if axis}
        every = {name: value for name, value in cases[0].items() if all(name in case for case in cases)}
        return self.base.replace(**dict(fixed) | every | first)

    def configs(self) -> list[Config]:
        """List one configuration a member. Raises `ConfigError` where there are none, or more than `LIMIT`."""
        total = len(self.cases) * prod(len(axis) for axis in self.axes.values())
        if not 1 <= total <= LIMIT:
            raise ConfigError(f"the ensemble has {total} members; allowed are 1 to {LIMIT}")
        points = [dict(zip(self.axes, values, strict=True)) for values in product(*self.axes.values())]
        return [self.base.replace(**dict(case) | point) for case in self.cases for point in points]

    def varied(self) -> tuple[str, ...]:
        """Name the knobs in which members differ: those of the cases, then the axes."""
        return tuple(dict.fromkeys([name for case in self.cases for name in case] + list(self.axes)))

    def to_json(self) -> str:
        """Write everything: the meaning does not change when a default or a preset does.

        The axes stand in their order, since it is that of the members.
        """
        return json.dumps(
            {
                "engine": self.engine.name,
                **registry.origin(self.engine.name),
                "base": dict(self.base),
                "axes": {name: list(values) for name, values in self.axes.items()},
                "cases": [dict(case) for case in self.cases],
                "steps": self.steps,
                "preset": self.preset.name if self.preset else None,
                "edits": [vars(event) for event in self.edits],
            }
        )

    @classmethod
    def from_json(cls, engine: Engine, text: str) -> Self:
        """Read `to_json`. Raises `ConfigError` for anything damaged or out of bounds; unknown knobs are ignored."""
        kind = engine.Config
        try:
            about = json.loads(text)
            spread = {name: list(values) for name, values in about["axes"].items()}
            axes, base, *cases = (
                _checked(kind, {name: value for name, value in kind.current(values).items() if name in kind.knobs()})
                for values in (spread, about["base"], *about["cases"])
            )
            names = [preset.name for preset in engine.presets]
            preset = engine.preset(about["preset"]) if about.get("preset") in names else None
            steps = _steps(about["steps"])
            experiment = cls(
                engine=engine, base=kind(**base), axes=axes, cases=tuple(cases) or ({},), steps=steps, preset=preset
            )
            return experiment._with_edits(about.get("edits", ()))
        except ConfigError:
            raise
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise ConfigError(f"this is not a complete experiment: {type(error).__name__} {error}") from None


def notes(experiment: Experiment, given: Iterable[str] = ()) -> tuple[str, ...]:
    """Collect the cautions of the engine, each once, and which knobs that were `given` a value change nothing.

    Raises `EngineFailure` where the engine fails at it.
    """
    with engine_failures(experiment.engine.title):
        return (*_cautions(experiment), *_without_effect(experiment, given))


def _cautions(experiment: Experiment) -> Iterator[str]:
    configs = experiment.configs()
    for text, count in Counter(experiment.engine.caution(config) for config in configs).items():
        if text:
            yield text if count == len(configs) else f"{text} ({count} of {len(configs)} members)"


def _without_effect(experiment: Experiment, given: Iterable[str]) -> Iterator[str]:
    everywhere = frozenset.intersection(*[experiment.engine.idle(config) for config in experiment.configs()])
    for name in experiment.engine.Config.current(dict.fromkeys(given)):
        if name in everywhere:
            yield f"{name} changes nothing: it has no effect with these values of the other knobs"


def _check_cases(set: Any, cases: Any) -> None:
    """Raise `ConfigError` where values are no mapping, or where it is not clear which values cases are to have."""
    for name, given, right in (("set", [set], "a mapping"), ("cases", cases, "a list of mappings")):
        if not is_list(given) or not all(isinstance(each, Mapping) for each in given):
            raise ConfigError(f"{name}={quote(set if name == 'set' else cases)} is not {right} of knobs to values")
    both = [name for name, value in set.items() if is_list(value) and any(name in case for case in cases)]
    if both:
        raise ConfigError(f"both a list and the cases give values of {both[0]}: leave one of them out")


def seeded(set: Mapping[str, Any], seeds: Any) -> dict[str, Any]:
    """Return the seeds as values of their knob. Raises `ConfigError` where it is not clear which are meant."""
    if seeds is None:
        return {}
    if not is_list(seeds):
        raise ConfigError(f"seeds={quote(seeds)} is no list: seeds=[3] is the seed 3, seeds=range(3) are three seeds")
    if "seed" in set:
        raise ConfigError("both seeds and values of the knob seed are given: leave one of them out")
    return {"seed": seeds}


def _checked(kind: type[Config], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values, and those of lists, in the types of their knobs. Raises `ConfigError` or `UnknownName`."""
    checked: dict[str, Any] = {}
    for name, value in values.items():
        knob = kind.knob(name)
        some = islice(value, LIMIT + 1) if is_list(value) else None  # a range may have more than there is memory for
        one_by_one = None if some is None else [knob.check(kind.__name__, one) for one in some]
        if one_by_one and len(one_by_one) > LIMIT:
            raise ConfigError(f"{name} has more values than an ensemble may have members, {LIMIT}")
        checked[name] = knob.check(kind.__name__, value) if one_by_one is None else one_by_one
    return checked


def _distinct(kind: type[Config], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as `_checked` does. Raises `ConfigError` for one that stands in a list twice, too."""
    checked = _checked(kind, values)
    for name, value in checked.items():
        if isinstance(value, list):
            _check_once(name, value)
    return checked


def _check_once(name: str, values: Sequence[Any]) -> None:
    """Raise `ConfigError` for a value that stands in a list twice."""
    keys = set()
    for value in values:
        key = frozenset(value.items()) if isinstance(value, Mapping) else value
        if key in keys:
            raise ConfigError(f"{name}={quote(value)} is listed twice: the same members would be computed twice")
        keys.add(key)


def _steps(steps: Any) -> int:
    return STEPS.check("Experiment", steps)
