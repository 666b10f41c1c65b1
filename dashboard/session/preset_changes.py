"""Compares an experiment with its preset, or with what a lesson sets: what was edited, and whether claims apply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboard.ui.formatting import knob_name, knob_value, listed

if TYPE_CHECKING:
    from engines.core.data.recording import Event
    from engines.core.protocol.config import Config, Knob
    from engines.core.runs.experiment import Experiment

MOST_VALUES = 4
"""Values of a knob that are listed on one side of an arrow."""

MOST_CHANGES = 4
"""Changes that are named in one line."""


@dataclass(frozen=True)
class PresetChanges:
    """The differences between an experiment and its preset, in words."""

    changes: tuple[str, ...] = ()
    """One for each knob, as "k 5 → 9"."""
    unjudged: str = ""
    """Why the claims of the preset are not about this experiment; "" where they are."""

    @property
    def line(self) -> str:
        """All changes in one line; of many, the first and how many more."""
        more = len(self.changes) - MOST_CHANGES
        return ", ".join([*self.changes[:MOST_CHANGES], *([f"{more} more"] if more > 0 else [])])


def changes_from_preset(experiment: Experiment, after: Sequence[Config], events: Sequence[Event] = ()) -> PresetChanges:
    """Compare the members of an experiment, as they are `after` all edits, and its live edits with the preset."""
    from engines.core.runs.experiment import Experiment

    if experiment.preset is None:
        return PresetChanges()
    return changes_from(Experiment.from_preset(experiment.engine, experiment.preset), after, events)


def changes_from(base: Experiment, after: Sequence[Config], events: Sequence[Event] = ()) -> PresetChanges:
    """Compare members, as they are `after` all edits, and their live edits with the experiment that was edited.

    The claims of a preset are about its own configurations, whatever their seeds: they are tested on fresh ones. An
    edit of any other knob, also one that was taken back while the run was under way, leaves them unjudged.
    """
    before, knobs = base.configs(), base.base.knobs()
    late = {event.knob: event.step for event in events if event.step > 0}
    changes = {name: text for name, knob in knobs.items() if (text := _change(knob, before, after, late.get(name)))}
    other = [text for knob, text in changes.items() if knob != "seed"]
    if not other and _kinds(before) != _kinds(after):
        other = ["the members combine their values otherwise"]
    return PresetChanges(tuple(changes.values()) or tuple(other), PresetChanges(tuple(other)).line)


def _change(knob: Knob, before: Sequence[Config], after: Sequence[Config], late: int | None) -> str:
    old, new = (list(dict.fromkeys(getattr(config, knob.name) for config in configs)) for configs in (before, after))
    when = f" at step {late:,}" if late is not None else ""
    if set(old) != set(new):  # members of a link or a stored run may stand in another order
        return f"{knob_name(knob)} {_listed(knob, old)} → {_listed(knob, new)}{when}"
    return f"{knob_name(knob)} on the way, last{when}" if when else ""


def _listed(knob: Knob, values: Sequence[Any]) -> str:
    return listed([knob_value(value, knob) for value in values], MOST_VALUES, "values")


def _kinds(configs: Sequence[Config]) -> set[str]:
    """Describe each configuration by all knobs but its seed."""
    return {repr([(name, value) for name, value in config if name != "seed"]) for config in configs}
