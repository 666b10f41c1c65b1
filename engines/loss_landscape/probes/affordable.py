"""Which counts of free directions are affordable, and how they are made."""

from __future__ import annotations

from functools import partial
from math import isclose

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.degeneracy.numerical_rank import SINGULAR
from engines.loss_landscape.degeneracy.row_space import Look, by_gram, by_triangle
from engines.loss_landscape.hessian.dense import LARGEST
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.modular_addition import Embedding
from engines.loss_landscape.models.network_at_step import Specimen
from engines.loss_landscape.probes.landscape import finite

PLAIN = 600
"""Parameters up to which a model that is no perceptron is counted, by automatic differentiation."""

FINE = 1500
"""Parameters up to which counts have all digits of float64, and"""

PATIENT = 3000
"""up to which a tolerance that is chosen is worth the minutes they take."""


def gated(one: Specimen) -> bool:
    """Whether there are gates to explain directions by."""
    model = one.subject.model
    return isinstance(model, Embedding) or (isinstance(model, Mlp) and model.activation in ("relu", "linear"))


def look(P: int, tolerance: float) -> Look:
    """How J is looked at. Raises `ConfigError` for a tolerance that so many parameters are too many for."""
    if P <= FINE:
        return partial(by_triangle, tau=tolerance)
    if isclose(tolerance, SINGULAR):
        return by_gram
    if P > PATIENT:
        raise ConfigError(
            f"tolerance = {tolerance:g} cannot be chosen for P = {P} parameters: beyond {PATIENT} they are counted by "
            "the eigenvalues of a Gram matrix, which resolve singular values down to 1e-6 of the largest; leave it at "
            f"{SINGULAR:g}"
        )
    return partial(by_triangle, tau=tolerance)


def admitted(one: Specimen) -> None:
    """Raise `ConfigError` for parameters that are not finite, or too many for a dense count."""
    finite(one.theta)
    most = LARGEST if gated(one) else PLAIN
    if len(one.theta) > most:
        kind = "this network" if gated(one) else "a network without ReLU layers that can be taken apart"
        raise ConfigError(
            f"P = {len(one.theta)} parameters are too many for a dense count: of {kind} it takes up to {most}; the "
            "probe `hessian` estimates the soft count of larger ones"
        )
