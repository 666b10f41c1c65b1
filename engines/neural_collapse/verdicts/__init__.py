"""How each preset is judged: numbers read off the recorded curves against the specification's or the laws'."""

from engines.neural_collapse.verdicts.flow import counterexample, opening, path, vanishing
from engines.neural_collapse.verdicts.layers import depth, digits, sweep
from engines.neural_collapse.verdicts.near import lambdas, perturbed, staircase

__all__ = [
    "counterexample", "depth", "digits", "lambdas", "opening", "path", "perturbed", "staircase", "sweep", "vanishing",
]  # fmt: skip
