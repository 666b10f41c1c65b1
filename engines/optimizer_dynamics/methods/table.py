"""The methods by name, each with the options that a configuration chooses."""

from __future__ import annotations

from collections.abc import Callable

from engines.core.protocol.own_method import METHODS
from engines.optimizer_dynamics.config import OptimizerDynamics
from engines.optimizer_dynamics.methods.entrywise import Adam, GradientDescent, Lion, Momentum, PolyakStep, Sign
from engines.optimizer_dynamics.methods.matrix import Muon, ScaledGD, Shampoo, Soap
from engines.optimizer_dynamics.methods.method import Method
from engines.optimizer_dynamics.methods.one_by_one import OneByOne
from engines.optimizer_dynamics.methods.own import OwnPair
from engines.optimizer_dynamics.methods.rate_free import DAdaptAdam, DAdaptSGD, DoG, Mechanic, Prodigy, ScheduleFree

TABLE: dict[str, Callable[[OptimizerDynamics], Method]] = {
    "gd": lambda c: GradientDescent(),
    "heavy_ball": lambda c: Momentum(),
    "nesterov": lambda c: Momentum(nesterov=True),
    "sign": lambda c: Sign(),
    "lion": lambda c: Lion(),
    "rmsprop": lambda c: Adam(first=False, corrected=c.bias_correction),
    "adam": lambda c: Adam(),
    "muon": lambda c: Muon(c.orthogonalise, 0 if c.orthogonalise == "polar" else c.ns_steps, c.look_ahead, c.scale),
    "shampoo": lambda c: Shampoo(),
    "shampoo_ema": lambda c: Shampoo(averaged=True),
    "soap": lambda c: Soap(every=c.refresh),
    "scaled_gd": lambda c: ScaledGD(),
    "polyak": lambda c: PolyakStep(),
    "dog": lambda c: DoG(),
    "dowg": lambda c: DoG(weighted=True),
    "dadapt_sgd": lambda c: DAdaptSGD(),
    "dadapt_adam": lambda c: DAdaptAdam(),
    "prodigy": lambda c: Prodigy(),
    "schedule_free": lambda c: ScheduleFree(),
    "schedule_free_adam": lambda c: ScheduleFree(adam=True),
    "mechanic": lambda c: Mechanic(),
    "own": lambda c: own_method(c.own_method),
}


def own_method(name: str) -> Method:
    """Find an own method by its name, "" where there is but one. Raises `ConfigError` or `UnknownName`."""
    own = METHODS.find(name)
    return OneByOne(own) if own.is_optimizer else OwnPair(own)


def method_of(config: OptimizerDynamics) -> tuple[Method, str]:
    """Return the method of a member, and the average of its iterates that counts."""
    return TABLE[config.method](config), config.average
