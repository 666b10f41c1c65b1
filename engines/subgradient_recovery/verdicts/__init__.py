"""How each preset is judged: numbers read off the recorded curves, against predictions from the run's own draw.

Learning times are held against the flow that starts from the spectrum of this draw, ends against first-order theory
with this draw's noise: a few per cent decide. Errors near 1e-8 move by a factor of three with the order of a sum, and
floors by powers of ten from draw to draw: they are judged from one side. Wrong runs in the tests show what is noticed.
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
