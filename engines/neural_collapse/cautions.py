"""Sentences about limits of a configuration, and about step sizes."""

from __future__ import annotations

from engines.neural_collapse import laws
from engines.neural_collapse.config import NeuralCollapse
from engines.neural_collapse.network.data import DIGITS


def caution(config: NeuralCollapse) -> str:
    """Warn of what a configuration cannot show, and name the knob to move; "" where all is well."""
    if config.data != DIGITS:
        return f"data={config.data[:200]} is not read: only model=network learns samples, and this is {config.model}."
    if config.c >= 1:
        return (
            f"lambda_w lambda_h = {config.c**2:.3g} is not below 1: the only minimiser is zero, and everything shrinks "
            "to it. Lower one of them."
        )
    if config.per_class == 1:
        return "With one sample a class there is no spread within the classes: NC1 is 0 from the start."
    if config.model == "central_path" and config.step_size > laws.stable_step(config):
        return stability(config)
    return ""


def stability(config: NeuralCollapse) -> str:
    """The step of the flow up to which it is stable."""
    return (
        f"Steps of the flow are stable up to about {laws.stable_step(config):.3g} at lambda_w = {config.lambda_w:.3g} "
        f"(step_size was {config.step_size:.3g})."
    )
