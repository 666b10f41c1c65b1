"""Sentences about limits of a configuration, and about step sizes."""

from __future__ import annotations

from engines.core.methods.names import METHOD_LABELS, RATE_FREE
from engines.core.methods.own import slower
from engines.loss_landscape import predictions
from engines.loss_landscape.config import LossLandscape


def caution(config: LossLandscape) -> str:
    """Caution beside a configuration, or "" where there is none."""
    if config.sampled:
        return _sampled(config)
    if config.subject == "planted" or (config.subject == "linear" and config.corner):
        return f"optimizer={config.optimizer} moves nothing: the network begins at its minimum; sample it by langevin"
    if config.subject == "addition" and config.embedding > config.modulus:
        return f"embedding={config.embedding} exceeds modulus={config.modulus}: the table has no full rank"
    if config.optimizer in RATE_FREE and config.learning_rate != 1:
        return f"{METHOD_LABELS[config.optimizer]} finds its step size: set learning_rate=1, which multiplies it"
    return slower(config.own_method) if config.optimizer == "own" else ""


def _sampled(config: LossLandscape) -> str:
    if config.boxed:
        rare = predictions.rarely_visited(config)
        return f"{rare}: until then ½ is counted, with an error of 0; raise chains" if rare else ""
    if config.subject == "linear" and (why := predictions.unresolved(config)):
        return f"{why}: the estimate is too large; raise gamma"
    if config.optimizer == "mala" and config.batch_size:
        return "MALA needs the loss on all data: set batch_size=0"
    if config.n_beta < config.gamma:
        return (
            f"n_beta={config.n_beta:g} is below gamma={config.gamma:g}: the window holds the chains, not the "
            f"loss, and the coefficient only follows it"
        )
    return ""


def stability(config: LossLandscape) -> str:
    """Advice for a step size that does not diverge."""
    if config.sampled:
        return f"kappa={config.kappa:g}: a quadratic is stable below 4; other losses curve more than at their minimum"
    return f"lower learning_rate={config.learning_rate:g}, by a factor of ten at first"
