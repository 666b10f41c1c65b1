"""How each preset is judged: numbers read off the recorded curves against what the theory says.

A tolerance covers the spread over fresh seeds, measured on at least ten of them; the seeds of a preset agree
more closely. Where a claim is about a ratio to a prediction of the run itself, the tolerance is that of the law.
"""

from engines.matrix_sensing.verdicts.linear import best_scale, linear, linear_sensed, opening, trap, wide
from engines.matrix_sensing.verdicts.methods import conditioning, one_step, race
from engines.matrix_sensing.verdicts.sublinear import fuel, onset, overfit, sensed, sublinear

__all__ = [
    "best_scale", "conditioning", "fuel", "linear", "linear_sensed", "one_step", "onset", "opening", "overfit", "race",
    "sensed", "sublinear", "trap", "wide",
]  # fmt: skip
