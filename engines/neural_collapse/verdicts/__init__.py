"""How each preset is judged: numbers read off the recorded curves against reference values, or against the laws."""

from engines.neural_collapse.verdicts.flow import counterexample, opening, path, vanishing
from engines.neural_collapse.verdicts.layers import depth, digits, sweep
from engines.neural_collapse.verdicts.near import lambdas, perturbed, staircase
from engines.neural_collapse.verdicts.network import decays, greedy, separation

__all__ = [
    "counterexample", "decays", "depth", "digits", "greedy", "lambdas", "opening", "path", "perturbed", "separation",
    "staircase", "sweep", "vanishing",
]  # fmt: skip
