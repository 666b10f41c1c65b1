"""Bytes that a batch of configurations takes, estimated before it is built."""

from __future__ import annotations

from collections.abc import Sequence

from engines.core.methods.names import DECOMPOSING
from engines.core.subjects import named_subjects
from engines.loss_landscape.config import METHODS_HERE, LossLandscape
from engines.loss_landscape.models.digits import TRAIN
from engines.loss_landscape.models.own_model import MAX_ROWS
from engines.loss_landscape.models.own_network import MAX_SAMPLES

OBSERVED_WHOLE = ("digits", "planted", "linear", "superposition")
"""Subjects whose activations at all samples are kept at once while effective parameters are counted, as measured."""


def nbytes(configs: Sequence[LossLandscape]) -> int:
    """Estimate the bytes that a batch of configurations takes.

    Activations of one pass forwards and backwards, inputs, parameters with their moments, in float64.
    """
    one = configs[0]
    if one.subject == "own_model":
        return _bytes_of_own_model(one, len(configs))
    n, width = _extent(one)
    parameters = width if one.subject == "potential" else width**2
    chains = one.chains if one.sampled else 1
    passes = 7 if one.subject in OBSERVED_WHOLE and not one.sampled else 4
    return 8 * len(configs) * chains * (passes * n * width + _copies(one) * parameters)


def _bytes_of_own_model(config: LossLandscape, members: int) -> int:
    own = named_subjects.find(config.model)
    chains = config.chains if config.sampled else 1
    return 8 * members * chains * (min(own.train.n, MAX_ROWS) * own.numbers + _copies(config) * own.P)


def _copies(config: LossLandscape) -> int:
    """Count the copies of the parameters, with what the optimiser remembers of them, before and after a step."""
    if config.optimizer not in METHODS_HERE:
        return 6
    return 28 if config.optimizer in DECOMPOSING else 14


def _extent(config: LossLandscape) -> tuple[int, int]:
    """Number of samples, and of neurons of all layers."""
    if config.subject == "potential":
        return (config.samples if config.potential == "regression" else 1), config.inputs
    if config.subject in ("addition", "one_hot", "transformer"):
        return config.modulus**2, 5 * config.modulus + config.width + 8 * config.embedding
    hidden = config.width * config.depth
    samples = {"digits": TRAIN, "own_network": MAX_SAMPLES}.get(config.subject, max(config.samples, 1200))
    return samples, hidden + max(64, config.inputs) + config.outputs
