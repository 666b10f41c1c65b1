"""How each preset is judged: numbers read off the recorded curves, against predictions from the run's own draw.

Learning times are held against the flow that starts from the spectrum of this draw, ends against first-order theory
with this draw's noise: a few per cent decide. Errors near 1e-8 move by a factor of three with the order of a sum, and
floors by powers of ten from draw to draw: they are judged from one side. Wrong runs in the tests show what is noticed.
"""

from engines.subgradient_recovery.verdicts.budgets import budget, overfit, staircase
from engines.subgradient_recovery.verdicts.floors import dense, floors, mixture, noiseless
from engines.subgradient_recovery.verdicts.peers import reference_values
from engines.subgradient_recovery.verdicts.recovery import (
    dense_floor,
    exact_recovery,
    flipped_signs,
    mostly_outliers,
    opening,
    squares,
    widths,
)
from engines.subgradient_recovery.verdicts.saddles import lower_than_truth, saddle
from engines.subgradient_recovery.verdicts.samples import samples

__all__ = [
    "budget",
    "dense",
    "dense_floor",
    "exact_recovery",
    "flipped_signs",
    "floors",
    "lower_than_truth",
    "mixture",
    "mostly_outliers",
    "noiseless",
    "opening",
    "overfit",
    "reference_values",
    "saddle",
    "samples",
    "squares",
    "staircase",
    "widths",
]  # fmt: skip
