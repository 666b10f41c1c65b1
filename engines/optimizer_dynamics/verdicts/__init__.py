"""How each preset is judged: numbers read off the recorded curves against what the theory says."""

from engines.optimizer_dynamics.verdicts.factorisation import (
    decay_cap,
    depths,
    newton_schulz,
    opening,
    rotation,
    table,
)

__all__ = ["decay_cap", "depths", "newton_schulz", "opening", "rotation", "table"]
