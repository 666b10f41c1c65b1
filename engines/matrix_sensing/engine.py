"""Matrix sensing as an engine: the pure functions of this folder under one name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from engines.core.protocol.declarations import Phase, Prediction, Story
from engines.core.protocol.engine import Engine, RunData
from engines.matrix_sensing import cautions, diagnostics, draws, dynamics
from engines.matrix_sensing.channels import ACTIONS, CHANNELS
from engines.matrix_sensing.config import MatrixSensing
from engines.matrix_sensing.glossary import GLOSSARY
from engines.matrix_sensing.initialisation import initial_state
from engines.matrix_sensing.plots import PLOTS
from engines.matrix_sensing.predictions import predictions
from engines.matrix_sensing.presets import PRESETS
from engines.matrix_sensing.probes import PROBES
from engines.matrix_sensing.problem import Problem, State, build
from engines.matrix_sensing.relevance import idle
from engines.matrix_sensing.story import phases, story
from engines.matrix_sensing.sweeps import SWEEPS


class MatrixSensingEngine(Engine[MatrixSensing, Problem, State]):
    """Recover a low-rank matrix from linear measurements by descending on its factors."""

    name = "matrix_sensing"
    title = "Matrix sensing by gradient descent"
    summary = "Too many columns slow gradient descent to a crawl; an asymmetric start, or one modified step, cures it."
    references = (
        "N. Xiong, L. Ding, S. S. Du: How Over-Parameterization Slows Down Gradient Descent in Matrix Sensing. "
        "ICLR 2024, arXiv 2310.01769",
    )
    Config = MatrixSensing
    channels = CHANNELS
    plots = PLOTS
    presets = PRESETS
    sweeps = SWEEPS
    probes = PROBES
    actions = ACTIONS
    glossary = GLOSSARY
    opening = "P0"

    def problem(self, configs: Sequence[MatrixSensing], device: torch.device) -> Problem:
        """Draw truth, operators and starting points."""
        return build(configs, device)

    def init(self, configs: Sequence[MatrixSensing], problem: Problem) -> State:
        """Put every member at its starting point."""
        return initial_state(configs, problem)

    def step(self, problem: Problem, state: State, knobs: Mapping[str, Tensor]) -> State:
        """Take one step of each member's method; the state is `[B, *]`, each knob `[B]`."""
        return dynamics.steps(problem, state, knobs, 1)

    def steps(self, problem: Problem, state: State, knobs: Mapping[str, Tensor], count: int) -> State:
        """Take `count` steps of each member's method; the state is `[B, *]`, each knob `[B]`."""
        return dynamics.steps(problem, state, knobs, count)

    def observe(self, problem: Problem, state: State, knobs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Compute all channels but the iterate, `[B, *]` each."""
        return diagnostics.observe(problem, state, knobs)

    def snapshot(self, problem: Problem, state: State, knobs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Compute the iterate in the basis of the truth, `[B, *]`."""
        return diagnostics.snapshot(problem, state)

    def gather(self, problem: Problem, index: Tensor) -> Problem | None:
        """Return the problem of the members at `index` `[b]`; None where measurements serve all of them at once."""
        return problem.select(index) if all(operator.entrywise for operator, _ in problem.operators) else None

    def capturable(self, problem: Problem) -> bool:
        """Whether a CUDA graph can record a step: the triggers of the one-step method are decided on the host."""
        return "one_step" not in problem.methods

    def nbytes(self, configs: Sequence[MatrixSensing]) -> int:
        """Estimate the memory of a batch: an operator a distinct draw, and start, state and a step of every member."""
        kept, drawing = draws.nbytes(max(configs, key=lambda config: config.k))
        columns, mixed = max(config.k for config in configs), len({config.method for config in configs}) > 1
        members = sum(draws.member_bytes(config, columns, mixed) for config in configs)
        return (len({draws.key(config) for config in configs}) - 1) * kept + max(kept, drawing) + members

    def theory(self, config: MatrixSensing, steps: np.ndarray) -> list[Prediction]:
        """Predict the population limit in closed form at steps `[T]`; see `laws` and `predictions`."""
        return predictions(config, steps)

    def phases(self, run: RunData, member: int) -> list[Phase]:
        """Find when growth, fit, tail and lift begin."""
        return phases(run, member)

    def story(self, run: RunData, member: int) -> Story:
        """Explain what the reader is seeing."""
        return story(run, member)

    def caution(self, config: MatrixSensing) -> str:
        """Say what is wrong: too few columns or measurements, or steps that are too large."""
        return cautions.caution(config)

    def idle(self, config: MatrixSensing) -> frozenset[str]:
        """Find the knobs of other operators, starts and methods."""
        return idle(config)

    def stability(self, config: MatrixSensing) -> str:
        """Say which step size does not diverge."""
        return cautions.stability(config)


ENGINE = MatrixSensingEngine()
