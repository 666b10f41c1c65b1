"""Relevance of knobs and plots: those that change nothing, or have nothing to show, with some configurations."""

from __future__ import annotations

from engines.core.methods.names import UNDECAYED
from engines.loss_landscape.config import LABELLED, LossLandscape

TRAINING = frozenset(("learning_rate", "weight_decay", "batch_size"))
SAMPLING = frozenset(("kappa", "chains", "burn_in"))

KNOBS: dict[str, frozenset[str]] = {
    "digits": frozenset(("width", "depth", "init")),
    "addition": frozenset(("modulus", "embedding", "width", "train_fraction")),
    "one_hot": frozenset(("modulus", "width", "train_fraction", "activation")),
    "transformer": frozenset(("modulus", "embedding", "width", "train_fraction")),
    "planted": frozenset(("planted",)),
    "linear": frozenset(("widths", "rank", "corner", "scale")),
    "superposition": frozenset(("inputs", "embedding", "samples")),
    "potential": frozenset(("potential",)),
    "own_network": frozenset(("network", "data", "network_activation")),
    "own_model": frozenset(("model",)),
}
"""Knobs that make each subject."""

PLANS: dict[str, frozenset[str]] = {
    "gates": frozenset(("outputs", "depth")),
    "always_on": frozenset(("outputs",)),
    "nested": frozenset(("outputs",)),
    "near": frozenset(("angle", "samples")),
    "all": frozenset(),
    "modular": frozenset(("width", "depth", "samples", "correlation")),
}
"""Knobs of each planted network that is no generic one."""

GENERIC = frozenset(("inputs", "width", "depth", "outputs", "samples"))

LOSSES: dict[str, frozenset[str]] = {
    "quadratic": frozenset(("inputs",)),
    "regression": frozenset(("inputs", "samples", "batch_size")),
    "crossing": frozenset(),
    "planes": frozenset(("inputs",)),
    "box": frozenset(("strength",)),
}

MEMBERS = frozenset(("subject", "optimizer", "seed", "n_beta", "gamma"))

ANALYSED = frozenset(("effective", "slice", "curve", "ranks", "blocks"))
"""Plots of networks with live observables."""

CHAINS = frozenset(("coefficient", "estimates", "distance", "points"))

COUNTED = frozenset(("reasons", "eigenvalues", "by_knob", "curve"))


def idle(config: LossLandscape) -> frozenset[str]:
    """Knobs that change nothing."""
    used = MEMBERS | KNOBS[config.subject] | _knobs_of_draws(config) | (SAMPLING if config.sampled else TRAINING)
    if config.optimizer in UNDECAYED:
        used -= {"weight_decay"}
    if config.optimizer == "own":
        used |= {"own_method"}
    if config.boxed:
        used -= {"n_beta", "gamma", "kappa", "burn_in"}
    if config.optimizer == "gibbs":
        used -= {"kappa"}
    if config.subject == "linear" and not config.corner:
        used |= {"samples"}
    return frozenset(name for name in type(config).knobs() if name not in used)


def _knobs_of_draws(config: LossLandscape) -> frozenset[str]:
    if config.subject == "planted":
        plan = PLANS.get(config.planted, GENERIC)
        return plan | ({"width"} if config.planted == "gates" and config.depth > 1 else frozenset())
    return LOSSES[config.potential] if config.subject == "potential" else frozenset()


def visible_plots(config: LossLandscape) -> frozenset[str]:
    """Plots with something to show."""
    return _shown(config) | {"map"}


def _shown(config: LossLandscape) -> frozenset[str]:
    if config.boxed:
        return frozenset(("coefficient", "estimates"))
    if not config.sampled:
        return _training(config)
    plots = CHAINS | {"excess"} | ({"acceptance"} if config.optimizer == "mala" else frozenset())
    if config.subject in ("potential", "own_model", "superposition", "transformer", "addition"):
        return plots
    near = frozenset(("near",)) if config.planted == "near" else frozenset()
    return plots | COUNTED | {"ranks", "blocks"} | near


def _training(config: LossLandscape) -> frozenset[str]:
    plots = frozenset(("loss", "norm", "slice"))
    if config.subject in (*LABELLED, "own_network", "own_model"):
        plots |= {"accuracy"}
    if config.subject in ("addition", "one_hot", "transformer"):
        plots |= {"fourier"}
    if config.subject == "superposition":
        return plots | {"points"}
    return plots if config.subject in ("transformer", "own_model") else plots | ANALYSED


def blank(config: LossLandscape, plots: frozenset[str]) -> frozenset[str]:
    """Plots without content."""
    return plots - visible_plots(config)
