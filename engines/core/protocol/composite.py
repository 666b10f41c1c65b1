"""Engines whose state may evolve in several ways: each way is a value, and the configuration chooses one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic

from engines.core.protocol.engine import C, Engine, RunData

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, device

    from engines.core.protocol.declarations import Phase, Prediction, Story

Knobs = Mapping[str, "Tensor"]


def _no_story(run: RunData, member: int) -> Story:
    raise NotImplementedError("a story is told by the dynamics or by the engine")


@dataclass(frozen=True, kw_only=True)
class Dynamics(Generic[C]):
    """One way in which a state evolves: functions that mean what the methods of `Engine` with their names mean.

    Those with a default may be left to the engine, which then answers for all its dynamics.
    """

    problem: Callable[[Sequence[C], device], Any]
    init: Callable[[Sequence[C], Any], Any]
    step: Callable[[Any, Any, Knobs], Any]
    observe: Callable[[Any, Any, Knobs], dict[str, Tensor]]
    steps: Callable[[Any, Any, Knobs, int], Any] | None = None
    snapshot: Callable[[Any, Any, Knobs], dict[str, Tensor]] = lambda problem, state, knobs: {}
    members: Callable[[Any, slice], Any] = lambda problem, places: None
    gather: Callable[[Any, Tensor], Any] = lambda problem, index: None
    capturable: Callable[[Any], bool] = lambda problem: False
    nbytes: Callable[[Sequence[C]], int] = lambda configs: 0
    place: Callable[[Sequence[C], device], device] | None = None
    theory: Callable[[C, np.ndarray], list[Prediction]] = lambda config, steps: []
    phases: Callable[[RunData, int], list[Phase]] = lambda run, member: []
    story: Callable[[RunData, int], Story] = _no_story
    caution: Callable[[C], str] = lambda config: ""
    stability: Callable[[C], str] = lambda config: ""


@dataclass(frozen=True)
class ChosenProblem:
    """The constants of a batch, and the dynamics that they belong to."""

    dynamics: Dynamics
    problem: Any


class CompositeEngine(Engine[C, ChosenProblem, Any]):
    """An engine that hands its calls on to the dynamics that the configuration chooses; a subclass says which."""

    @abstractmethod
    def choose(self, config: C) -> Dynamics[C]:
        """Choose by `shape` knobs alone: members of one batch then have the same dynamics."""

    def problem(self, configs: Sequence[C], device: device) -> ChosenProblem:
        """Compute the constants of a batch, which keep the dynamics that made them."""
        chosen = self.choose(configs[0])
        return ChosenProblem(chosen, chosen.problem(configs, device))

    def init(self, configs: Sequence[C], problem: ChosenProblem) -> Any:
        """Compute the state at step 0."""
        return problem.dynamics.init(configs, problem.problem)

    def step(self, problem: ChosenProblem, state: Any, knobs: Knobs) -> Any:
        """Take one step of the chosen dynamics; tensors of the state are `[B, *]`, knobs `[B]`."""
        return problem.dynamics.step(problem.problem, state, knobs)

    def steps(self, problem: ChosenProblem, state: Any, knobs: Knobs, count: int) -> Any:
        """Take `count` steps of the chosen dynamics; tensors of the state are `[B, *]`, knobs `[B]`."""
        own = problem.dynamics.steps
        return own(problem.problem, state, knobs, count) if own else super().steps(problem, state, knobs, count)

    def observe(self, problem: ChosenProblem, state: Any, knobs: Knobs) -> dict[str, Tensor]:
        """Compute all channels that are not thin, each `[B, *dims]`."""
        return problem.dynamics.observe(problem.problem, state, knobs)

    def snapshot(self, problem: ChosenProblem, state: Any, knobs: Knobs) -> dict[str, Tensor]:
        """Compute all thin channels, each `[B, *dims]`."""
        return problem.dynamics.snapshot(problem.problem, state, knobs)

    def members(self, problem: ChosenProblem, places: slice) -> ChosenProblem | None:
        """Return the constants of some members alone, where the dynamics tell them apart."""
        own = problem.dynamics.members(problem.problem, places)
        return None if own is None else replace(problem, problem=own)

    def gather(self, problem: ChosenProblem, index: Tensor) -> ChosenProblem | None:
        """Return the constants of the members at `index` `[b]`, where the dynamics let them be gathered."""
        own = problem.dynamics.gather(problem.problem, index)
        return None if own is None else replace(problem, problem=own)

    def capturable(self, problem: ChosenProblem) -> bool:
        """Whether a CUDA graph may record the step."""
        return problem.dynamics.capturable(problem.problem)

    def place(self, configs: Sequence[C], device: device) -> device:
        """Choose where a batch is computed, by its dynamics or by its bytes."""
        place = self.choose(configs[0]).place
        return place(configs, device) if place else super().place(configs, device)

    def nbytes(self, configs: Sequence[C]) -> int:
        """Estimate the memory of a batch."""
        return self.choose(configs[0]).nbytes(configs)

    def theory(self, config: C, steps: np.ndarray) -> list[Prediction]:
        """Predict curves of one configuration at steps `[T]`."""
        return self.choose(config).theory(config, steps)

    def phases(self, run: RunData, member: int) -> list[Phase]:
        """Find the moments of one member's run that the theory names."""
        return self.choose(run.configs[member]).phases(run, member)

    def story(self, run: RunData, member: int) -> Story:
        """Explain what the reader is seeing."""
        return self.choose(run.configs[member]).story(run, member)

    def caution(self, config: C) -> str:
        """Say what a configuration cannot show; "" where all is well."""
        return self.choose(config).caution(config)

    def stability(self, config: C) -> str:
        """Say which step size is stable."""
        return self.choose(config).stability(config)
