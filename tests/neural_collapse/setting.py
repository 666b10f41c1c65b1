"""What these tests share."""

from __future__ import annotations

import numpy as np
import torch

from engines.core.api import simulate
from engines.core.compute.simulation import Batch, Simulation
from engines.core.runs.run import Run
from engines.neural_collapse.config import NeuralCollapse
from engines.neural_collapse.engine import ENGINE

SMALL = {"classes": 4, "per_class": 6, "features": 7, "init": "gaussian", "lambda_w": 0.5, "lambda_h": 0.05}


def small(**knobs: object) -> NeuralCollapse:
    return NeuralCollapse(**{**SMALL, **knobs})


def begun(*configs: NeuralCollapse) -> Batch:
    return Simulation(ENGINE, list(configs), torch.device("cpu")).batches[0]


def ran(steps: int, *configs: NeuralCollapse) -> Run:
    return simulate(Run(ENGINE, list(configs)), steps)


def frames(batch: Batch, member: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """M `[d, K]` and Y `[d, r]` of one member."""
    H, K = batch.state.H[member].numpy(), batch.problem.problem.task.K
    return H[:, :K], H[:, K:]


def last(run: Run, channel: str) -> np.ndarray:
    """Of every member."""
    return run[channel][-1]
