"""What these tests share."""

from __future__ import annotations

from engines.core.api import simulate
from engines.core.runs.run import Run
from engines.optimizer_dynamics.config import OptimizerDynamics
from engines.optimizer_dynamics.engine import ENGINE


def ran(steps: int, *configs: OptimizerDynamics) -> Run:
    return simulate(Run(ENGINE, list(configs)), steps)
