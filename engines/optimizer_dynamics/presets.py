"""Experiments O0 to O24; O19 to O23 are those of `price_presets.py`."""

from __future__ import annotations

from typing import Any

import numpy as np

from engines.core.protocol.engine import Preset
from engines.optimizer_dynamics import risk, verdicts
from engines.optimizer_dynamics.config import OptimizerDynamics
from engines.optimizer_dynamics.price_presets import PRICES, RACE
from engines.optimizer_dynamics.scenes import network

POLAR = {"method": "muon", "orthogonalise": "polar", "beta1": 0.0}
"""Muon with exact polar factors and no momentum, whose law is a straight line."""

EXACT = {"eps": 1e-30}
"""Knob that puts Adam's eps out of the way: the usual 1e-8 stops small modes."""

QUADRATIC = {"scene": "quadratic", "eta": 0.1}
"""Power-law curvature and risk of 300 directions, one sample a step, noise 1."""


FALLING = {"schedule": "linear"}


def _rates(low: float, high: float, count: int, **knobs: Any) -> list[dict[str, Any]]:
    """Cases that differ in their rate alone: a grid of `count` of them."""
    return [{**knobs, "eta": float(f"{eta:.6g}")} for eta in np.geomspace(low, high, count)]


def _batch_sizes() -> list[dict[str, Any]]:
    """Tunings for 4096 samples in minibatches of 1 to 256, around the best rates."""
    cases = []
    for schedule, best in verdicts.BEST.items():
        for batch_size, share in best.items():
            top = 0.9995 * risk.largest_rate(OptimizerDynamics(**{**QUADRATIC, "batch_size": batch_size}))
            rates = (share * batch_size / 1.15, min(share * batch_size, top), min(share * batch_size * 1.15, top))
            fixed = {"schedule": schedule, "batch_size": batch_size, "horizon": 4096 // batch_size}
            cases += [fixed | {"eta": eta} for eta in rates]
    return cases


BATCH_SIZES = tuple(_batch_sizes())

RACERS = ("adam", "muon", "soap", "lion", "heavy_ball")


def _trials() -> list[dict[str, Any]]:
    """The race: five rates of every method from its centre up, for three budgets; Adam for more, to compare with."""
    fields = {50: RACERS, 100: RACERS, 200: RACERS, 400: ("adam",), 25: ("adam",)}
    return [
        {"method": method, "eta": eta, "horizon": T, **network.USUAL.get(method, {})}
        for T, racers in fields.items()
        for method in racers
        for eta in network.rates_of(method)[4:]
    ]


PRESETS = (
    Preset(
        name="O0",
        title="Start here: large modes first, or small?",
        look_for="Gradient descent learns the largest singular value first, Muon the smallest, both on dashed lines.",
        cases=({"method": "gd", "eta": 0.01}, {**POLAR, "eta": 0.002}),
        steps=2000,
        judge=verdicts.opening,
        lead="modes",
        follows="O1",
        source="ours: laws of gradient flow and of equal speed",
    ),
    Preset(
        name="O1",
        title="Five methods, five laws",
        look_for="Half time over singular value: slopes −1, ½, 1, ½ and 0.",
        set={"start": "aligned"},
        cases=(
            {"method": "gd"},
            {**POLAR, "eta": 0.002},
            {"method": "shampoo", "alpha": 1e-4},
            {"method": "soap", "alpha": 1e-4, "eta": 0.002, "beta1": 0.0, "refresh": 1000, **EXACT},
            {"method": "scaled_gd", "alpha": 0.07, "eta": 2e-4, "damping": 0.0},
        ),
        steps=3100,
        cost="long",
        judge=verdicts.method_laws,
        lead="half_times",
        follows="O2",
        source="ours: the table of staircase laws",
    ),
    Preset(
        name="O2",
        title="Deeper: plateaus for one, none for the other",
        look_for="With a third factor gradient descent waits longer on its staircase; Muon has none.",
        set={"start": "aligned", "alpha": 0.2, "depth": [2, 3, 4]},
        cases=({"method": "gd", "eta": 0.01}, {**POLAR, "eta": 0.002}),
        steps=1500,
        cost="long",
        judge=verdicts.depths,
        lead="loss",
        source="ours",
    ),
    Preset(
        name="O3",
        title="What Newton–Schulz does to a small singular value",
        look_for="Small modes come first, but those below about 1/500 of the gradient are left behind: a staircase.",
        set={
            "method": "muon", "beta1": 0.0, "start": "aligned", "alpha": 1e-3, "eta": 1e-3,
            "spectrum": "1:0.1:0.01:0.001:0.0001:0.00001",
        },
        steps=1500,
        judge=verdicts.newton_schulz,
        lead="half_times",
        source="ours: the polynomial of K. Jordan et al. 2024",
    ),
    Preset(
        name="O4",
        title="Turn the basis: who notices?",
        look_for="Adam's and the sign's order breaks in a rotated basis, SOAP's does not.",
        set={"alpha": 0.0303, "start": ["aligned", "diagonal"], "refresh": 1000, **EXACT},
        cases=({"method": "sign"}, {"method": "adam"}, {"method": "soap"}),
        seeds=(5,),
        steps=400,
        judge=verdicts.rotation,
        lead="share_off",
        source="ours",
    ),
    Preset(
        name="O5",
        title="Weight decay is a ceiling",
        look_for="Muon's factors stop at 1/decay, whatever the target asks for.",
        set={**POLAR, "eta": 0.005, "weight_decay": 0.8},
        steps=3000,
        judge=verdicts.decay_cap,
        lead="factors",
        source="ours",
    ),
    Preset(
        name="O6",
        title="Expected risk without sampling",
        look_for="Bands of 64 sampled runs around dashed lines that nobody fitted, under every schedule.",
        set={
            **QUADRATIC, "sampling": "sampled", "dimension": 20, "capacity": 1.2, "source": 1.8, "noise": 0.5,
            "batch_size": 2, "eta": 0.15, "horizon": 120, "schedule": ["constant", "cosine", "linear", "wsd", "rsqrt"],
        },
        seeds=tuple(range(64)),
        steps=120,
        judge=verdicts.sampled_mean,
        lead="risk",
        follows="O7",
        source="ours: the exact recursion",
    ),
    Preset(
        name="O7",
        title="The best rate is a power of the budget",
        look_for="The valley of each U curve moves left with the budget; a schedule changes how fast.",
        set=QUADRATIC,
        cases=(
            *_rates(0.008, 0.47, 31, horizon=4096),
            *(case for T in (64, 256, 1024, 4096) for case in _rates(0.008, 0.47, 31, **FALLING, horizon=T)),
        ),
        steps=4096,
        cost="long",
        judge=verdicts.power_law,
        lead="risk_sweep",
        follows="O8",
        source="Y. Shen et al. 2024, and closed forms of ours",
    ),
    Preset(
        name="O8",
        title="The schedule that loses until it wins",
        look_for="At a quarter of the budget a constant rate leads; at the end it is last by far.",
        set={**QUADRATIC, "horizon": 4096},
        cases=(
            {"schedule": "constant", "eta": 0.02964}, {"schedule": "linear", "eta": 0.08519},
            {"schedule": "cosine", "eta": 0.08648},
        ),
        case_labels=("constant", "linear to zero", "cosine to zero"),
        steps=4096,
        judge=verdicts.schedules_cross,
        lead="risk",
        log_x=True,
        follows="O11",
        source="K. Wen et al. 2025, in an exact model",
    ),
    Preset(
        name="O9",
        title="Batch size and rate: proportional, then capped",
        look_for="For a fixed number of samples the best rate over the batch size is flat, and then falls.",
        set=QUADRATIC,
        cases=BATCH_SIZES,
        case_labels=tuple(f"{case['schedule']}, B = {case['batch_size']}" for case in BATCH_SIZES),
        steps=4096,
        cost="heavy",
        judge=verdicts.batch_sizes,
        probes={"best_rates": {}},
        lead="risk_sweep",
        source="ours",
    ),
    Preset(
        name="O10",
        title="A preconditioner's advantage shrinks with size",
        look_for="It loses at small budgets, wins at large ones, and less the more directions there are.",
        set={**QUADRATIC, "schedule": "linear"},
        cases=tuple(
            case for d in (30, 300)
            for power, budgets in ((0.0, (32, 64, 128, 256, 512, 1024, 2048)), (0.5, (64, 1024)))
            for T in budgets for case in _rates(0.01, 0.5, 15, dimension=d, precondition=power, horizon=T)
        ),
        steps=2048,
        cost="heavy",
        judge=verdicts.advantage,
        lead="risk_sweep",
        source="K. Wen et al. 2025, in an exact model",
    ),
    Preset(
        name="O11",
        title="Twice as fast as what?",
        look_for="The same method at an eighth of its best rate needs five times the steps: a speed-up of nothing.",
        set={**QUADRATIC, "schedule": "linear"},
        cases=(
            *(
                case for T in (128, 181, 256, 362, 512, 724, 1024)
                for case in _rates(0.013, 0.49, 29, horizon=T)
            ),
        ),
        steps=1024,
        cost="long",
        judge=verdicts.weak_baseline,
        lead="risk_sweep",
        follows="O15",
        source="K. Wen et al. 2025, in an exact model",
    ),
    Preset(
        name="O12",
        title="Without a step size, on a line",
        look_for="Estimates of the distance grow as straight lines on a logarithmic axis; DoG's bends.",
        set={"scene": "line", "eta": 1.0, "goal": 1e4},
        cases=(
            {"method": "dog"}, {"method": "dadapt_sgd", "beta1": 0.0}, {"method": "dowg"}, {"method": "prodigy"},
            {"method": "dadapt_adam"},
        ),
        steps=140,
        judge=verdicts.line_race,
        lead="estimates",
        source="ours: growth of the published recursions",
    ),
    Preset(
        name="O13",
        title="Catapult",
        look_for="Above 2 the loss rises first, and the run lands where the loss is flat; from 4 on it is lost.",
        set={
            "scene": "edge", "model": "product", "eta": 1.0, "product": 0.01,
            "sharpness": [1.9, 2.1, 2.5, 3.0, 3.5, 3.9, 4.1],
        },
        steps=3000,
        judge=verdicts.catapult,
        lead="catapult",
        follows="O14",
        source="A. Lewkowycz et al. 2020, the model with one width",
    ),
    Preset(
        name="O14",
        title="The edge of stability",
        look_for="Sharpness rises to the dashed line of its method, and stays there.",
        set={"scene": "edge"},
        cases=(
            {"model": "network", "eta": 0.8, "seed": 0}, {"model": "network", "eta": 0.8, "seed": 1},
            {"model": "network", "method": "adam", "eta": 0.002, "beta2": 0.99},
            {"model": "valley", "eta": 0.02, "rise": 0.1, "product": 0.47, "sharpness": 95.0},
        ),
        case_labels=("gradient descent", "gradient descent", "Adam", "gradient descent in a valley"),
        steps=1200,
        cost="long",
        judge=verdicts.edge,
        probes={"hessian": {}},
        lead="edge",
        source="J. Cohen et al. 2021, 2024",
    ),
    Preset(
        name="O15",
        title="A fair race on digits",
        look_for="Ranks cross with the budget; a weak baseline makes every method look fast.",
        set=RACE,
        cases=tuple(_trials()),
        seeds=(0, 1),
        steps=400,
        cost="heavy",
        judge=verdicts.race,
        probes={"speed_ups": {"baseline": 0.25}},
        lead="score",
        source="K. Wen et al. 2025, in miniature",
    ),
    Preset(
        name="O16",
        title="Momentum, averages and noise",
        look_for="In noise momentum gains nothing; a mean of all iterates drags its start along, Schedule-Free not.",
        set={
            **QUADRATIC, "dimension": 20, "capacity": 1.2, "source": 1.8, "noise": 0.5, "batch_size": 2, "eta": 0.1,
        },
        cases=(
            {}, {"method": "heavy_ball", "eta": 0.01}, {"method": "nesterov", "eta": 0.01}, {"average": "polyak"},
            {"method": "schedule_free", "eta": 0.3},
        ),
        steps=120,
        judge=verdicts.momentum,
        probes={"monte_carlo": {"runs": 64}},
        lead="risk",
        source="ours: the exact recursion",
    ),
    Preset(
        name="O17",
        title="The central flow",
        look_for="The probe: gradient descent leaves the gradient flow at the edge, and keeps to the central flow.",
        set={"scene": "edge", "model": "network", "eta": 0.8},
        steps=250,
        judge=verdicts.central,
        probes={"central_flow": {"steps": 150}},
        lead="edge",
        follows="O18",
        source="J. Cohen et al. 2024",
    ),
    Preset(
        name="O18",
        title="The central flow, live",
        look_for="Two flows begin where gradient descent is at step 400: it hops along the central one.",
        set={"scene": "edge", "model": "network", "eta": 0.8, "flow_start": 400},
        steps=700,
        cost="long",
        judge=verdicts.central_live,
        lead="flows",
        follows="O24",
        source="J. Cohen et al. 2024",
    ),
    Preset(
        name="O24",
        title="The central flow of RMSProp",
        look_for="In the probe the smoothed run keeps to its central flow, and leaves a flow without hops.",
        set={"scene": "edge", "model": "network", "method": "rmsprop", "eta": 0.005, "beta2": 0.99},
        steps=200,
        cost="long",
        judge=verdicts.central_rmsprop,
        probes={"central_flow": {"steps": 200}},
        lead="oscillation",
        source="J. Cohen et al. 2024",
    ),
    *PRICES,
)  # fmt: skip
