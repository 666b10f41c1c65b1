"""How each preset is judged: numbers read off the recorded curves against what the theory says."""

from engines.optimizer_dynamics.verdicts.edge import catapult, central, central_live, edge
from engines.optimizer_dynamics.verdicts.factorisation import (
    decay_cap,
    depths,
    newton_schulz,
    opening,
    rotation,
    table,
)
from engines.optimizer_dynamics.verdicts.quadratic import (
    BEST,
    advantage,
    batch_sizes,
    flip,
    line_race,
    momentum,
    power_law,
    sampled,
    weak_baseline,
)
from engines.optimizer_dynamics.verdicts.race import race

__all__ = [
    "BEST", "advantage", "batch_sizes", "catapult", "central", "central_live", "decay_cap", "depths", "edge", "flip",
    "line_race", "momentum", "newton_schulz", "opening", "power_law", "race", "rotation", "sampled", "table",
    "weak_baseline",
]  # fmt: skip
