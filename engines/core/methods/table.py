"""The methods by name, each with its options; beside the built-in ones those that a person brings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engines.core.methods.entrywise import Adam, GradientDescent, Lion, Momentum, PolyakStep, Sign
from engines.core.methods.matrix import Muon, ScaledGD, Shampoo, Soap
from engines.core.methods.method import Leaves, Method
from engines.core.methods.names import DECOMPOSING, LARGEST, MATRIX, METHOD_LABELS
from engines.core.methods.one_by_one import OneByOne
from engines.core.methods.own import OwnPair
from engines.core.methods.rate_free import DAdaptAdam, DAdaptSGD, DoG, Mechanic, Prodigy, ScheduleFree
from engines.core.protocol.errors import ConfigError
from engines.core.protocol.own_method import METHODS


@dataclass(frozen=True)
class Options:
    """Choices that make a method, beside the numbers that each member has of its own."""

    own_method: str = ""
    """Name of a person's own method; "" where there is but one."""
    bias_correction: bool = False
    """Whether RMSProp divides by `1 - beta2^t`, as PyTorch's does not."""
    orthogonalise: str = "newton_schulz"
    """How Muon makes a matrix orthogonal: newton_schulz, newton_schulz_bf16 or polar."""
    ns_steps: int = 5
    look_ahead: bool = True
    """Whether Muon looks ahead, as Nesterov's momentum does."""
    scale: str = "original"
    """Factor of Muon's update: original, match_rms_adamw or none."""
    refresh: int = 10
    """Steps between two refreshes of SOAP's basis."""


TABLE: dict[str, Callable[[Options], Method]] = {
    "gd": lambda o: GradientDescent(),
    "heavy_ball": lambda o: Momentum(),
    "nesterov": lambda o: Momentum(nesterov=True),
    "sign": lambda o: Sign(),
    "lion": lambda o: Lion(),
    "rmsprop": lambda o: Adam(first=False, corrected=o.bias_correction),
    "adam": lambda o: Adam(),
    "muon": lambda o: Muon(o.orthogonalise, 0 if o.orthogonalise == "polar" else o.ns_steps, o.look_ahead, o.scale),
    "shampoo": lambda o: Shampoo(),
    "shampoo_ema": lambda o: Shampoo(averaged=True),
    "soap": lambda o: Soap(every=o.refresh),
    "scaled_gd": lambda o: ScaledGD(),
    "polyak": lambda o: PolyakStep(),
    "dog": lambda o: DoG(),
    "dowg": lambda o: DoG(weighted=True),
    "dadapt_sgd": lambda o: DAdaptSGD(),
    "dadapt_adam": lambda o: DAdaptAdam(),
    "prodigy": lambda o: Prodigy(),
    "schedule_free": lambda o: ScheduleFree(),
    "schedule_free_adam": lambda o: ScheduleFree(adam=True),
    "mechanic": lambda o: Mechanic(),
    "own": lambda o: own_method(o.own_method),
}


def own_method(name: str) -> Method:
    """Find an own method by its name, "" where there is but one. Raises `ConfigError` or `UnknownName`."""
    own = METHODS.find(name)
    return OneByOne(own) if own.is_optimizer else OwnPair(own)


def require_matrices(name: str, leaves: Leaves) -> None:
    """Raise `ConfigError` where a method treats matrices as one and a leaf is a vector, or too large to decompose."""
    if name not in MATRIX:
        return
    for leaf in leaves:
        largest = max(leaf.rows, leaf.columns)
        if min(leaf.rows, leaf.columns) == 1:
            raise ConfigError(f"{METHOD_LABELS[name]} needs matrices, and these parameters have a vector of {largest}")
        if name in DECOMPOSING and largest > LARGEST:
            raise ConfigError(f"{METHOD_LABELS[name]} decomposes matrices of {largest} rows; the limit is {LARGEST}")
