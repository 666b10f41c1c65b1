"""How each preset is judged: numbers read off the recorded curves against what the theory says.

A tolerance covers the spread over fresh seeds, measured on at least ten of them; the seeds of a preset agree
more closely. Where a claim is about a ratio to a prediction of the run itself, the tolerance is that of the law.
"""

from engines.matrix_sensing.verdicts.linear import (
    best_scale,
    linear,
    linear_sensed,
    opening,
    symmetric_measurements,
    width_ratio,
)
from engines.matrix_sensing.verdicts.methods import conditioning, one_step, race
from engines.matrix_sensing.verdicts.sublinear import imbalance, onset, overfit, sublinear, sublinear_sensed

__all__ = [
    "best_scale",
    "conditioning",
    "imbalance",
    "linear",
    "linear_sensed",
    "one_step",
    "onset",
    "opening",
    "overfit",
    "race",
    "sublinear",
    "sublinear_sensed",
    "symmetric_measurements",
    "width_ratio",
]  # fmt: skip
