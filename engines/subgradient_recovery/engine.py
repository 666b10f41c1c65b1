"""Sub-gradient recovery as an engine: the pure functions of this folder under one name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from engines.core.protocol.declarations import Phase, Prediction, Story
from engines.core.protocol.engine import Engine, RunData
from engines.subgradient_recovery import cautions, diagnostics, draws, dynamics, relevance
from engines.subgradient_recovery.channels import CHANNELS
from engines.subgradient_recovery.config import SubgradientRecovery
from engines.subgradient_recovery.glossary import GLOSSARY
from engines.subgradient_recovery.plots import PLOTS
from engines.subgradient_recovery.predictions import predictions
from engines.subgradient_recovery.presets import PRESETS
from engines.subgradient_recovery.probes import PROBES
from engines.subgradient_recovery.problem import Problem, State, begin, build
from engines.subgradient_recovery.story import phases, story
from engines.subgradient_recovery.sweeps import SWEEPS


class SubgradientRecoveryEngine(Engine[SubgradientRecovery, Problem, State]):
    """Recover a low-rank matrix from grossly corrupted linear measurements."""

    name = "subgradient_recovery"
    title = "Sub-gradient recovery from outliers"
    summary = (
        "Least squares is ruined by a few wrong measurements. The sub-gradient method is not, whatever the rank it "
        "searches, if it starts small enough."
    )
    references = (
        "J. Ma, S. Fattahi: Global Convergence of Sub-gradient Method for Robust Matrix Recovery: Small "
        "Initialization, Noisy Measurements, and Over-parameterization. JMLR 24, 2023, arXiv 2202.08788",
    )
    Config = SubgradientRecovery
    channels = CHANNELS
    plots = PLOTS
    presets = PRESETS
    sweeps = SWEEPS
    probes = PROBES
    glossary = GLOSSARY
    opening = "SG-00"

    def problem(self, configs: Sequence[SubgradientRecovery], device: torch.device) -> Problem:
        """Draw truth, measurements, noise and starting points."""
        return build(configs, device)

    def init(self, configs: Sequence[SubgradientRecovery], problem: Problem) -> State:
        """Put every member at its starting point."""
        return begin(configs, problem)

    def step(self, problem: Problem, state: State, knobs: Mapping[str, Tensor]) -> State:
        """Take one iteration of each member's method; the state is `[B, *]`, each knob `[B]`."""
        return dynamics.steps(problem, state, knobs, 1)

    def steps(self, problem: Problem, state: State, knobs: Mapping[str, Tensor], count: int) -> State:
        """Take `count` iterations of each member's method; the state is `[B, *]`, each knob `[B]`."""
        return dynamics.steps(problem, state, knobs, count)

    def observe(self, problem: Problem, state: State, knobs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Compute all channels but the thin ones, `[B, *]` each."""
        return diagnostics.observe(problem, state, knobs)

    def snapshot(self, problem: Problem, state: State, knobs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Compute spectra, matrices and single measurements, `[B, *]` each."""
        return diagnostics.snapshot(problem, state, knobs)

    def capturable(self, problem: Problem) -> bool:
        """Whether a CUDA graph can record a step: whether a prox-linear member has arrived is read on the host."""
        return problem.proximal is None

    def nbytes(self, configs: Sequence[SubgradientRecovery]) -> int:
        """Estimate the memory of a batch: a set of measurements for each distinct operator, and every member's own."""
        first, wide = configs[0], any(config.method == "prox_linear" for config in configs)
        own = 8 * (8 * first.m + 6 * first.d**2) + (8 * first.m * first.d**2 if wide else 0)
        return len({draws.operator_key(config) for config in configs}) * draws.nbytes(first) + len(configs) * own

    def theory(self, config: SubgradientRecovery, steps: np.ndarray) -> list[Prediction]:
        """Predict steps `[T]` by laws of noise, learning and the floor; see `laws`, `flow` and `predictions`."""
        return predictions(config, steps)

    def caution(self, config: SubgradientRecovery) -> str:
        """Say what is wrong: too few measurements, noise on the loss step, a budget or columns that do not fit."""
        return cautions.caution(config)

    def idle(self, config: SubgradientRecovery) -> frozenset[str]:
        """Find the knobs of other losses, methods, starts and outliers."""
        return relevance.idle(config)

    def phases(self, run: RunData, member: int) -> list[Phase]:
        """Find when a member is learning, fast, tracking the step, floor, over-fitting."""
        return phases(run, member)

    def story(self, run: RunData, member: int) -> Story:
        """Explain what the reader is seeing."""
        return story(run, member)

    def stability(self, config: SubgradientRecovery) -> str:
        """Say which step size does not diverge."""
        return cautions.stability(config)


ENGINE = SubgradientRecoveryEngine()
