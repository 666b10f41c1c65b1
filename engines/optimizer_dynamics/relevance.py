"""Knobs that change nothing with the values that others have, and plots that have nothing to show."""

from __future__ import annotations

from engines.core.methods.names import RATE_FREE, UNDECAYED
from engines.core.methods.own import READ, reads
from engines.optimizer_dynamics.config import OptimizerDynamics
from engines.optimizer_dynamics.plots import PLOTS

SCENE_KNOBS: dict[str, frozenset[str]] = {
    "factorisation": frozenset(("alpha", "start", "spectrum", "depth", "rows", "columns", "width")),
    "quadratic": frozenset(("dimension", "sampling", "batch_size", "capacity", "source", "noise", "precondition")),
    "line": frozenset(("goal",)),
    "edge": frozenset(("model", "product", "sharpness", "centre", "rise", "flow_start")),
    "network": frozenset(("batch_size",)),
}
"""Knobs of one scene, or of some, alone."""

SCENE_PLOTS: dict[str, frozenset[str]] = {
    "factorisation": frozenset(("modes", "half_times", "map", "factors", "share_off")),
    "quadratic": frozenset(("risk", "risk_sweep", "risk_modes")),
    "line": frozenset(),
    "edge": frozenset(("edge", "sharpness", "oscillation", "flows", "central_loss", "catapult")),
    "network": frozenset(("train_loss", "score", "test_error")),
}
"""Plots of one scene, or of some, alone."""

BETA1 = frozenset(
    ("heavy_ball", "nesterov", "lion", "adam", "muon", "soap", "dadapt_sgd", "dadapt_adam", "prodigy", "schedule_free",
     "schedule_free_adam")
)  # fmt: skip
BETA2 = frozenset(
    ("lion", "rmsprop", "adam", "shampoo_ema", "soap", "dadapt_adam", "prodigy", "schedule_free_adam")
)  # fmt: skip
EPS = frozenset(("rmsprop", "adam", "soap", "dadapt_adam", "prodigy", "schedule_free_adam", "mechanic"))


def idle(config: OptimizerDynamics) -> frozenset[str]:
    """Find the knobs of other scenes, methods and schedules."""
    own = SCENE_KNOBS[config.scene]
    others = frozenset().union(*SCENE_KNOBS.values()) - own
    method, muon = config.method, config.method == "muon"
    unused = {
        "own_method": method != "own",
        "beta1": method not in BETA1,
        "beta2": method not in BETA2,
        "eps": method not in EPS,
        "weight_decay": method in UNDECAYED or (config.scene, config.sampling) == ("quadratic", "exact"),
        "bias_correction": method != "rmsprop",
        "orthogonalise": not muon,
        "ns_steps": not muon or config.orthogonalise == "polar",
        "look_ahead": not muon,
        "scale": not muon,
        "refresh": method != "soap",
        "damping": method != "scaled_gd",
        "least_loss": method != "polyak",
        "d0": method not in RATE_FREE,
        "growth_rate": method not in ("dadapt_sgd", "dadapt_adam", "prodigy"),
        "averaging": config.average != "ema",
        "seed": config.scene == "line"
        or (config.scene, config.sampling) == ("quadratic", "exact")
        or (config.scene == "edge" and config.model != "network"),
        "product": config.model == "network",
        "sharpness": config.model == "network",
        "centre": config.model != "product",
        "rise": config.model != "valley",
        "flow_start": config.model != "network" or config.method != "gd",
        "horizon": config.scene != "network" and config.schedule in ("constant", "rsqrt", "power"),
        "decay_fraction": config.schedule != "wsd" or config.decay_start >= 0,
        "decay_start": config.schedule != "wsd",
        "floor": config.schedule != "cosine",
        "power": config.schedule != "power",
        "power_scale": config.schedule != "power",
    }
    if method == "own":
        unused |= dict.fromkeys(READ, True) | dict.fromkeys(reads(config.own_method), False)
    return others | {name for name, changes_nothing in unused.items() if changes_nothing}


def blank(config: OptimizerDynamics) -> frozenset[str]:
    """Find the plots of other scenes."""
    every = frozenset().union(*SCENE_PLOTS.values()) - SCENE_PLOTS[config.scene]
    plot_names = {plot.name for plot in PLOTS}
    names = every & plot_names
    if config.scene == "edge" and config.model == "network":
        names |= {"catapult"}
    if "flow_start" in idle(config) or config.flow_start < 0:
        names |= {"flows", "central_loss"}
    return names if config.method in RATE_FREE else names | ({"estimates"} & plot_names)
