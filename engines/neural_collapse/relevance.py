"""Knobs that change nothing under the others, and plots that have nothing to show."""

from __future__ import annotations

from engines.neural_collapse.config import NeuralCollapse

FEATURES = frozenset(
    ("init", "lambda_w", "lambda_h", "beta", "epsilon", "classes", "features", "per_class", "scale", "step_size")
)
"""Knobs of free features."""

NETWORK = frozenset(
    (
        "depth", "width", "loss", "batch_norm", "weight_decay_features", "weight_decay_last", "learning_rate", "epochs",
        "greedy", "data",
    )
)  # fmt: skip
"""Knobs of a network."""

PERTURBED = frozenset(("survival", "response"))
"""Plots of a start near collapse."""

LAYERED = frozenset(("layers", "separation"))
"""Plots of a network's layers."""


def idle(config: NeuralCollapse) -> frozenset[str]:
    """Knobs that change nothing."""
    if config.model == "network":
        return FEATURES
    unused = {"central_path": {"beta"}, "proximal": {"step_size"}, "layers": {"step_size"}}[config.model]
    if not config.framed:
        unused |= {"scale"}
    if config.init != "near_collapse":
        unused |= {"epsilon"}
    return NETWORK | unused


def blank(config: NeuralCollapse) -> frozenset[str]:
    """Plots without content."""
    if config.model == "network":
        return PERTURBED | {"traces"}
    return LAYERED if config.init == "near_collapse" and not config.scale else LAYERED | PERTURBED
