"""Experiments P1 to P12, and one to begin with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engines.core.protocol.engine import Preset
from engines.neural_collapse import verdicts
from engines.neural_collapse.config import NeuralCollapse

BETAS = (1000.0, 100.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01)
SOLVED = 400
"""Steps within which the solver arrives; the flow takes the time 1/beta in as many."""

WEIGHTS = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Weight decays of the map."""

DECAYS = ("usual decay", "hidden layers twice", "hidden layers none", "last layer twice", "last layer none")
"""Names of the decays of the network for readers."""

EPOCH = 21
"""Steps of an epoch on the digits."""


def _decays(loss: str, bias: bool, times: Iterable[tuple[float, float]]) -> list[dict[str, Any]]:
    """Networks with so many times the usual weight decay, of the hidden layers and of the last."""
    decay = NeuralCollapse().weight_decay_features
    return [
        {"loss": loss, "bias": bias, "weight_decay_features": features * decay, "weight_decay_last": last * decay}
        for features, last in times
    ]


PRESETS = (
    Preset(
        name="P0",
        title="Start here: three classes fall onto a frame",
        look_for="Clouds contract to points; the trace ratio falls on a line that the knobs predict.",
        set={"classes": 3, "per_class": 40, "epsilon": 0.8, "step_size": 0.02},
        steps=3000,
        judge=verdicts.opening,
        source="ours: the paper's subject in one picture",
    ),
    Preset(
        name="P1",
        title="Which perturbations survive a layer",
        look_for="Five levels. Rotations of the frame come through whole; spread in its span is damped most.",
        set={"model": "proximal", "lambda_w": 2**0.5, "beta": [1.0, 100.0], "epsilon": 1e-4},
        cases=({"lambda_h": 0.5}, {"lambda_h": 0.2}, {"lambda_h": 0.05}),
        steps=80,
        judge=verdicts.staircase,
        lead="survival",
        source="figure 1; λ_W = √2 is recalled and not confirmed, the values of λ_H are ours",
    ),
    Preset(
        name="P2",
        title="The central path collapses, whatever the start",
        look_for="The trace ratio falls all the way; with the decay divided out one spread falls and the other rises.",
        set={"init": "gaussian"},
        seeds=(7, 8, 9),
        steps=2400,
        cost="long",
        judge=verdicts.path,
        lead="collapse",
        source="Theorem 3.1",
    ),
    Preset(
        name="P3",
        title="One layer against the flow",
        look_for="The weaker the hold on the input, the deeper the collapse; a layer stays above the flow at t = 1/β.",
        set={"init": "gaussian_means"},
        cases=tuple(
            {"model": model, "beta": beta, "step_size": 1 / (beta * SOLVED)}
            for model in ("proximal", "central_path")
            for beta in BETAS
        ),
        seeds=(11,),
        steps=SOLVED,
        cost="long",
        judge=verdicts.sweep,
        lead="sweep",
        source="Corollary 3.2",
    ),
    Preset(
        name="P4",
        title="Perturb a collapsed layer, more and less",
        look_for="The error of the linear response is proportional to the perturbation.",
        set={"model": "proximal", "epsilon": [0.3, 0.1, 1e-2, 1e-3, 1e-4]},
        cases=tuple(
            {"lambda_w": w, "lambda_h": h, "beta": beta}
            for w, h, beta in ((0.5, 0.05, 100.0), (0.5, 0.05, 1.0), (0.1, 0.4, 0.3), (2**0.5, 0.2, 100.0))
        ),
        seeds=(21,),
        steps=200,
        cost="long",
        judge=verdicts.perturbed,
        lead="response",
        source="Theorems 4.1 and 4.2, in closed form for every β",
    ),
    Preset(
        name="P5",
        title="Layer upon layer: a law of separation",
        look_for="Straight lines on a logarithmic axis; spread out of the span is the last to go.",
        set={"model": "layers", "init": "gaussian_means", "beta": [2.0, 0.5]},
        seeds=(11,),
        steps=160,
        cost="heavy",
        judge=verdicts.depth,
        lead="ratios",
        source="ours: proximal layers in a row",
    ),
    Preset(
        name="P6",
        title="The two weight decays pull in opposite directions",
        look_for="Near collapse NC1 falls with the decay of the features and rises with that of the classifier.",
        set={"model": "proximal", "epsilon": 0.02, "lambda_w": WEIGHTS, "lambda_h": [w / 10 for w in WEIGHTS]},
        steps=120,
        judge=verdicts.lambdas,
        lead="map",
        source="Theorem 4.2 and its remarks",
    ),
    Preset(
        name="P7",
        title="NC1 rises while the trace ratio falls",
        look_for="Four points, two classes. By the pseudo-inverse collapse goes back at first; by the traces never.",
        set={
            "init": "counterexample",
            "classes": 2,
            "per_class": 2,
            "features": 2,
            "lambda_w": 0.0016,
            "lambda_h": 0.0067,
        },
        cases=(
            {"model": "central_path", "step_size": 1e-3},
            *({"model": "proximal", "beta": beta} for beta in (100.0, 10.0, 1.0)),
        ),
        case_labels=("flow", "one layer, β = 100", "one layer, β = 10", "one layer, β = 1"),
        steps=400,
        cost="long",
        judge=verdicts.counterexample,
        lead="ratios",
        source="ours: no theorem covers the pseudo-inverse",
    ),
    Preset(
        name="P8",
        title="Pixels of digits through one layer",
        look_for="Ten digits become ten points as the hold on the pixels weakens.",
        set={
            "model": "proximal",
            "init": "digits",
            "classes": 10,
            "features": 64,
            "per_class": 140,
            "bias": True,
            "beta": [0.01, 0.1, 0.3, 1.0, 3.0, 10.0],
        },
        cases=({"lambda_w": 0.05, "lambda_h": 0.05}, {"lambda_w": 0.005, "lambda_h": 0.005}),
        case_labels=("decays of 0.05", "decays of 0.005"),
        steps=500,
        cost="long",
        judge=verdicts.digits,
        source="ours: real data as the input of the model",
    ),
    Preset(
        name="P9",
        title="Layers added one at a time, each closer to collapse",
        look_for="Every layer takes NC1 down a little, from the first one on, although those below are frozen.",
        set={
            "model": "network",
            "greedy": True,
            "depth": 8,
            "batch_norm": False,
            "learning_rate": 0.02,
            "epochs": 40,
            "loss": ["mse", "ce"],
        },
        steps=8 * 40 * EPOCH,
        cost="long",
        judge=verdicts.greedy,
        lead="layers",
        source="figure 2 (there CIFAR-10), on the digits",
    ),
    Preset(
        name="P10",
        title="Which weight decay does the work?",
        look_for="After zero error NC1 falls on. Decay of the hidden layers moves it further than that of the last.",
        set={"model": "network"},
        cases=(
            *_decays("mse", False, ((1, 1), (2, 1), (0, 1), (1, 2), (1, 0))),
            *_decays("ce", True, ((1, 1), (2, 1), (0, 1))),
        ),
        case_labels=tuple(
            f"{loss}, {decay}"
            for loss, decays in (("squared error", DECAYS), ("cross-entropy", DECAYS[:3]))
            for decay in decays
        ),
        steps=120 * EPOCH,
        cost="heavy",
        judge=verdicts.decays,
        log_x=True,
        lead="nc1",
        source="figure 3 (there ResNet18 on CIFAR-10), on the digits",
    ),
    Preset(
        name="P11",
        title="A law of separation over the layers",
        look_for="Before training NC1 rises over the layers; at its end it falls by one factor a layer.",
        set={"model": "network", "loss": "ce", "bias": True, "depth": [8, 4]},
        steps=120 * EPOCH,
        cost="heavy",
        judge=verdicts.separation,
        lead="layers",
        source="He and Su 2023, on the digits",
    ),
    Preset(
        name="P12",
        title="Too much weight decay: everything vanishes",
        look_for="The product of the decays is above one: features and classifier shrink to nothing.",
        set={"init": "gaussian", "lambda_w": 2.0, "lambda_h": 1.0},
        steps=1200,
        judge=verdicts.vanishing,
        lead="loss",
        source="Theorem 2.1, the case of c above one",
    ),
)
