"""The dynamics that the knobs choose: training, chains, or draws in a box."""

from __future__ import annotations

from engines.core.protocol.composite import Dynamics
from engines.loss_landscape.config import LossLandscape
from engines.loss_landscape.dynamics.sampling import CHAINS
from engines.loss_landscape.dynamics.training import TRAINING
from engines.loss_landscape.dynamics.uniform_box import BOX


def chosen_dynamics(config: LossLandscape) -> Dynamics[LossLandscape]:
    """Choose for all members that share their `shape` knobs."""
    if not config.sampled:
        return TRAINING
    return BOX if config.boxed else CHAINS
