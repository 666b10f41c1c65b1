"""How each preset is judged: numbers read off the recorded curves against the specification's or the laws'.

A tolerance covers the spread over fresh draws, measured on at least eight of them; values near 1e-8 move by a factor
of three with the order of a sum, so that they are compared by their decimal logarithm.
"""

from engines.subgradient_recovery.verdicts.budgets import lengths, overfit, stairs
from engines.subgradient_recovery.verdicts.floors import dense, floors, mixture, noiseless
from engines.subgradient_recovery.verdicts.peers import peers
from engines.subgradient_recovery.verdicts.recovery import adversary, figures, garbage, hello, opening, squares, widths
from engines.subgradient_recovery.verdicts.saddles import beneath, saddle
from engines.subgradient_recovery.verdicts.samples import samples

__all__ = [
    "adversary", "beneath", "dense", "figures", "floors", "garbage", "hello", "lengths", "mixture", "noiseless",
    "opening", "overfit", "peers", "saddle", "samples", "squares", "stairs", "widths",
]  # fmt: skip
