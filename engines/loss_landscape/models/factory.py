"""Factory of subjects: from the knobs of one batch to a network with its data.

Subjects that are trained have labels or targets; the others start at a minimum of value 0 of their behavioural loss.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from engines.core.protocol.errors import ConfigError
from engines.core.subjects import named_subjects
from engines.loss_landscape.config import LossLandscape
from engines.loss_landscape.models import (
    deep_linear,
    digits,
    modular_addition,
    own_model,
    own_network,
    planted_networks,
    superposition,
)
from engines.loss_landscape.models.deep_linear import DeepLinear
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.model import Model, Samples, Trainable, half_squared_error

Configs = Sequence[LossLandscape]


def build(configs: Configs) -> Trainable:
    """Build the subject of members that share all `shape` knobs, in float64. Raises `ConfigError` for a potential."""
    kind = configs[0].subject
    if kind not in SUBJECTS:
        raise ConfigError(f"subject={kind} has no network: what is asked for needs one")
    return SUBJECTS[kind](configs).to(torch.float64)


def _seeds(configs: Configs) -> list[int]:
    return [config.seed for config in configs]


def _digits(configs: Configs) -> Trainable:
    one = configs[0]
    return digits.digits_subject(_seeds(configs), (one.width,) * one.depth, one.init)


def _addition(configs: Configs) -> Trainable:
    one = configs[0]
    return modular_addition.embedding_subject(
        _seeds(configs), one.modulus, one.embedding, one.width, one.train_fraction
    )


def _one_hot(configs: Configs) -> Trainable:
    one = configs[0]
    return modular_addition.one_hot_subject(_seeds(configs), one.modulus, one.width, one.activation, one.train_fraction)


def _transformer(configs: Configs) -> Trainable:
    one = configs[0]
    return modular_addition.transformer_subject(
        _seeds(configs), one.modulus, one.embedding, 4, one.width, share=one.train_fraction
    )


def _superposition(configs: Configs) -> Trainable:
    one = configs[0]
    return superposition.superposition_subject(_seeds(configs), one.inputs, one.embedding, one.samples)


def _linear(configs: Configs) -> Trainable:
    one = configs[0]
    drawn = deep_linear.deep_linear_subject(_seeds(configs), one.sizes, one.rank, one.samples, one.scale)
    if not one.corner:
        return drawn
    star = DeepLinear(one.sizes, one.rank, one.scale).star.expand(len(configs), -1)
    return at_rest(Mlp(one.sizes, "linear", bias=False), star, drawn.train.X, drawn.seeds)


def _planted(configs: Configs) -> Trainable:
    if configs[0].planted == "modular":
        drawn_modules = planted_networks.draw_modules(
            _seeds(configs), configs[0].width, 2, configs[0].depth, configs[0].samples, configs[0].correlation
        )
        return at_rest(drawn_modules.net, drawn_modules.theta, drawn_modules.X, tuple(_seeds(configs)))
    drawn = [planted_network(config) for config in configs]
    theta, X = (torch.stack([getattr(one, name) for one in drawn]) for name in ("theta", "X"))
    return at_rest(drawn[0].net, theta, X, tuple(_seeds(configs)))


def planted_network(config: LossLandscape) -> planted_networks.PlantedNetwork:
    """Draw a planted network that is no modular one."""
    generic = (config.inputs, *(config.width,) * config.depth, config.outputs)
    deeper, k, seed = (config.width,) * (config.depth - 1), config.outputs, config.seed
    edits = {
        "none": None,
        "activations": None,
        "duplicate": planted_networks.duplicate_neuron,
        "dead": planted_networks.dead_neuron,
        "gradients": planted_networks.silent_neuron,
        "parallel": planted_networks.parallel_neurons,
    }
    if config.planted in edits:
        rank = max(1, config.inputs - 2) if config.planted == "activations" else 0
        return planted_networks.generic_network(generic, config.samples, seed, edits[config.planted], rank)
    drawn: dict[str, Callable[[], planted_networks.PlantedNetwork]] = {
        "gates": lambda: planted_networks.staircase(k, deeper, seed),
        "always_on": lambda: planted_networks.always_on(k, seed),
        "nested": lambda: planted_networks.nested_gates(k, seed),
        "near": lambda: planted_networks.nearly_synchronised_pair(config.angle, config.samples, seed),
        "all": lambda: planted_networks.draw_planted(planted_networks.MIXED, seed),
    }
    return drawn[config.planted]()


def _own_network(configs: Configs) -> Trainable:
    net, theta, samples = own_network.load(configs[0].network, configs[0].data, configs[0].network_activation)
    seeds = tuple(_seeds(configs))
    if samples.y is None:
        return at_rest(net, theta.expand(len(seeds), -1), samples.X, seeds)
    return own_network.supervised_subject(net, theta.expand(len(seeds), -1), samples, seeds)


def _own_model(configs: Configs) -> Trainable:
    return own_model.own_model_subject(named_subjects.find(configs[0].model), tuple(_seeds(configs)))


def at_rest(net: Model, star: torch.Tensor, X: torch.Tensor, seeds: tuple[int, ...]) -> Trainable:
    """Trainable network at the minimum of its behavioural loss: its targets are its own outputs.

    star `[B, P]`, X `[n, d]` or `[B, n, d]`.
    """
    with torch.no_grad():
        shown = Samples(X, net(star, X))
    return Trainable(net, shown, shown, half_squared_error, star, seeds)


SUBJECTS: dict[str, Callable[[Configs], Trainable]] = {
    "digits": _digits,
    "addition": _addition,
    "one_hot": _one_hot,
    "transformer": _transformer,
    "planted": _planted,
    "linear": _linear,
    "superposition": _superposition,
    "own_network": _own_network,
    "own_model": _own_model,
}
"""Builders of all subjects but potentials, by name."""
