"""Goals of lessons: what a reader is to bring about, as conditions on knobs and recorded numbers."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from engines.core.protocol.errors import DynascopeError, quote

if TYPE_CHECKING:
    from engines.core.protocol.config import Config
    from engines.core.protocol.engine import Engine, RunData

RELATIONS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq}

FORM = re.compile(r"\s*(\w+)\s*(<=|>=|<|>|=)\s*(\S+)\s*")

STEP, DIVERGED = "step", "diverged"
"""Names that stand beside those of knobs and channels: the newest step, and 1 for a member that diverged, else 0."""


class GoalError(DynascopeError):
    """A goal makes no sense; the message says what in it."""


@dataclass(frozen=True)
class Condition:
    """One comparison of a knob or a recorded number with a value."""

    name: str
    relation: str
    value: float | str

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read `name relation value`, such as `k > 3`. Raises `GoalError`.

        >>> Condition.parse("relative_error < 1e-6")
        Condition(name='relative_error', relation='<', value=1e-06)
        """
        match = FORM.fullmatch(text)
        if not match:
            raise GoalError(f"{quote(text)} is no condition: it must be like `eta > 0.2`, with one of < <= > >= =")
        name, relation, right = match.groups()
        try:
            value: float | str = float(right)
        except ValueError:
            value = right
        if isinstance(value, str) and relation != "=":
            raise GoalError(f"{quote(text)} compares with a word, and a word can only be equal")
        return cls(name, relation, value)

    def holds(self, run: RunData, configs: Sequence[Config], member: int) -> bool:
        """Say whether a member meets the condition as the run and the knobs are now."""
        value = self._value(run, configs, member)
        if isinstance(value, str) or isinstance(self.value, str):
            return value == self.value
        return bool(np.isfinite(value) and RELATIONS[self.relation](value, self.value))

    def _value(self, run: RunData, configs: Sequence[Config], member: int) -> Any:
        if self.name == STEP:
            return float(run.steps[-1])
        if self.name == DIVERGED:
            return float(run.diverged_at[member] >= 0)
        if self.name in type(configs[member]).knobs():
            value = getattr(configs[member], self.name)
            return value if isinstance(value, str) else float(value)
        return float(run[self.name][-1, member])


@dataclass(frozen=True)
class Goal:
    """A task for the reader, when it is done, knobs that do it, and what is said then."""

    task: str
    conditions: tuple[Condition, ...]
    """All of them must hold of one and the same member."""
    solution: Mapping[str, Any]
    done: str

    def reached(self, run: RunData, configs: Sequence[Config]) -> bool:
        """Say whether some member meets every condition."""
        members = range(len(configs)) if len(run) else ()
        return any(all(each.holds(run, configs, member) for each in self.conditions) for member in members)

    def check(self, engine: Engine) -> None:
        """Check that everything that it compares exists. Raises `GoalError`."""
        scalars = {channel.name for channel in engine.channels if not channel.dims}
        names = {STEP, DIVERGED, *scalars, *engine.Config.knobs()}
        unknown = [each.name for each in self.conditions if each.name not in names]
        if unknown:
            raise GoalError(f"its goal compares {quote(unknown[0])}, which is neither a knob nor a number of this lab")
