"""What these tests share."""

from __future__ import annotations

from engines.core.api import simulate
from engines.core.runs.run import Run
from engines.optimizer_dynamics.config import OptimizerDynamics
from engines.optimizer_dynamics.engine import ENGINE

SCENES = {
    "factorisation": {},
    "quadratic": {"scene": "quadratic", "sampling": "sampled", "dimension": 20},
    "line": {"scene": "line", "goal": 3.0},
    "edge": {"scene": "edge", "model": "product"},
    "network": {"scene": "network", "horizon": 12, "batch_size": 16},
}
"""Small knobs of each."""


def ran(steps: int, *configs: OptimizerDynamics) -> Run:
    return simulate(Run(ENGINE, list(configs)), steps)
