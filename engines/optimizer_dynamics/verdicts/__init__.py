"""How each preset is judged: numbers read off the recorded curves against what the theory says."""

from engines.optimizer_dynamics.verdicts.edge import catapult, central, central_live, central_rmsprop, edge
from engines.optimizer_dynamics.verdicts.factorisation import (
    decay_cap,
    depths,
    method_laws,
    newton_schulz,
    opening,
    rotation,
)
from engines.optimizer_dynamics.verdicts.prices import all_trials, in_noise, race_without_rates, stuck, without_noise
from engines.optimizer_dynamics.verdicts.quadratic import (
    BEST,
    advantage,
    batch_sizes,
    line_race,
    momentum,
    power_law,
    sampled_mean,
    schedules_cross,
    weak_baseline,
)
from engines.optimizer_dynamics.verdicts.race import race

__all__ = [
    "BEST",
    "advantage",
    "all_trials",
    "batch_sizes",
    "catapult",
    "central",
    "central_live",
    "central_rmsprop",
    "decay_cap",
    "depths",
    "edge",
    "in_noise",
    "line_race",
    "method_laws",
    "momentum",
    "newton_schulz",
    "opening",
    "power_law",
    "race",
    "race_without_rates",
    "rotation",
    "sampled_mean",
    "schedules_cross",
    "stuck",
    "weak_baseline",
    "without_noise",
]  # fmt: skip
