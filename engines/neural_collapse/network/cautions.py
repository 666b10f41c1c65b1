"""Sentences about limits of a configuration, and about step sizes."""

from __future__ import annotations

from engines.core.protocol.errors import DynascopeError
from engines.neural_collapse.config import NeuralCollapse
from engines.neural_collapse.network.data import load


def caution(config: NeuralCollapse) -> str:
    """Warn of what a network cannot show, and of samples that cannot be read; "" where all is well."""
    try:
        data = load(config.data)
    except DynascopeError as error:
        return str(error)
    if config.width < data.classes:
        return f"width={config.width} is below the {data.classes} classes: there is no room for a frame."
    return ""


def stability(config: NeuralCollapse) -> str:
    """A step size that is known to train."""
    good = 0.05 if config.batch_norm else 0.02
    return f"These networks train at learning_rate = {good:g} (it was {config.learning_rate:.3g})."
