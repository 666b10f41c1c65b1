"""Which way to move the knobs ask for."""

from __future__ import annotations

from engines.loss_landscape.config import LossLandscape
from engines.loss_landscape.dynamics.chains import CHAINS
from engines.loss_landscape.dynamics.protocol import Model
from engines.loss_landscape.dynamics.training import TRAINING
from engines.loss_landscape.dynamics.uniform_box import BOX


def model(config: LossLandscape) -> Model:
    """One for all members that share their `shape` knobs."""
    if not config.sampled:
        return TRAINING
    return BOX if config.subject == "potential" and config.potential == "box" else CHAINS
