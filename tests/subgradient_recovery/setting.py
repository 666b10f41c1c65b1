"""What these tests share."""

from __future__ import annotations

import numpy as np
import torch

from engines.core.api import simulate
from engines.core.compute.simulation import Batch, Simulation
from engines.core.runs.run import Run
from engines.subgradient_recovery.config import SubgradientRecovery
from engines.subgradient_recovery.engine import ENGINE

TINY = {"d": 7, "r": 2, "k": 3, "m": 90, "alpha": 1e-2, "budget": 5.0, "outlier_fraction": 0.2, "outlier_scale": 5.0}


def tiny(**knobs: object) -> SubgradientRecovery:
    return SubgradientRecovery(**{**TINY, **knobs})


def begun(*configs: SubgradientRecovery) -> Batch:
    return Simulation(ENGINE, list(configs), torch.device("cpu")).batches[0]


def ran(steps: int, *configs: SubgradientRecovery) -> Run:
    return simulate(Run(ENGINE, list(configs)), steps)


def factor(batch: Batch, member: int = 0) -> np.ndarray:
    return batch.state.U[member].numpy()
