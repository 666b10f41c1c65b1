"""Experiments P1-P13: the paper's figures at sizes that run live, and our own beside them.

Sizes 50 x 50 and rank 3 are the paper's; other settings marked "our choice" are not confirmed against its text.
All presets draw truth, operator and start from one stream a seed (`operator_seed = -1`).
"""

from __future__ import annotations

from typing import Any

from engines.core.protocol.engine import Preset
from engines.matrix_sensing import verdicts

OWN = {"operator_seed": -1}
SYMMETRIC = {"parameterization": "symmetric"}
GAUSSIAN = {**OWN, "operator": "gaussian"}
SMALL = {**GAUSSIAN, "n": 30, "m": 1200, "eta": 0.2}
ROOT = 0.5**0.5
"""Best scale of the lift at kappa = 2: the root of sigma_r = 1/2."""

EASY: tuple[dict[str, Any], ...] = (
    {**SYMMETRIC, "k": 3},
    SYMMETRIC,
    {},
    {"method": "one_step", "alpha": 0.01, "beta": ROOT, "trigger": "true"},
    {"method": "scaled_gd", "k": 3, "init": "spectral", "eta": 0.5},
    {**SYMMETRIC, "method": "scaled_gd_lambda", "alpha": 1e-8, "eta": 0.3},
    {**SYMMETRIC, "method": "prec_gd", "init": "spectral", "eta": 0.3},
    {**SYMMETRIC, "method": "prec_gd", "eta": 0.3},
    {"method": "agn", "eta": 0.5},
    {"init": "unbalanced"},
    {"method": "nesterov", "init": "unbalanced", "eta": 0.15},
)
"""All methods, with the step sizes of the literature."""

CALLED = (
    "symmetric, k = r", "symmetric", "asymmetric", "one modified step", "ScaledGD", "ScaledGD(λ)",
    "PrecGD, spectral start", "PrecGD", "alternating Gauss–Newton", "asymmetric, G = 0", "Nesterov",
)  # fmt: skip
"""Names of the methods of a race for readers."""

THREE = ("symmetric", "asymmetric", "one modified step")

HARD = (0, 4, 6, 7, 8)
"""Methods that are run at kappa = 20 too."""

PRESETS = (
    Preset(
        name="P0",
        title="Start here: one problem, three ways",
        look_for="Symmetric bends and crawls, asymmetric falls in a straight line, one modified step beats both.",
        set={**OWN, "eta": 0.2, "kappa": 2.0, "target": "psd"},
        cases=(SYMMETRIC, {}, EASY[3]),
        case_labels=THREE,
        steps=2400,
        judge=verdicts.opening,
        source="ours: the paper's three claims in one picture, everything measured",
    ),
    Preset(
        name="P1",
        title="Too many columns slow gradient descent to 1/t",
        look_for="k = r is straight on semilog axes; every k > r bends, and is straight on log-log axes instead.",
        set={**OWN, **SYMMETRIC, "k": [3, 4, 5, 10, 20], "alpha": 0.5, "eta": 0.2},
        seeds=(0, 1),
        steps=20_000,
        cost="long",
        judge=verdicts.sublinear,
        log_x=True,
        source="figure: symmetric, k = r against k > r",
    ),
    Preset(
        name="P2",
        title="The same under Gaussian measurements",
        look_for="The loss becomes a straight line of slope −2 on log-log axes.",
        set={**GAUSSIAN, **SYMMETRIC, "m": 2000, "alpha": 0.5, "eta": 0.2},
        seeds=(100, 101),
        steps=8000,
        cost="heavy",
        judge=verdicts.sublinear_sensed,
        log_x=True,
        source="our choice of m and η",
    ),
    Preset(
        name="P3",
        title="Asymmetry makes it linear, at a rate of α²",
        look_for="Straight lines on semilog axes, steeper with every larger α.",
        set={**OWN, "target": "general", "alpha": [0.1, 0.2, 0.3, 0.5, 0.7]},
        seeds=(0, 1, 2),
        steps=42_000,
        cost="long",
        judge=verdicts.linear,
        source="figure 2b: asymmetric, several α",
    ),
    Preset(
        name="P4",
        title="The rate of α² under Gaussian measurements",
        look_for="The same fan of lines; measurements cost a constant, not the exponent.",
        set={**GAUSSIAN, "target": "general", "n": 30, "m": 6000, "eta": 0.2, "alpha": [0.15, 0.2, 0.3, 0.45, 0.7]},
        seeds=(300, 301),
        steps=6000,
        cost="heavy",
        judge=verdicts.linear_sensed,
        source="our choice of n and m",
    ),
    Preset(
        name="P5",
        title="One modified step frees the rate from α",
        look_for="A kink where the step is taken, then parallel lines, whatever α was.",
        set={
            **OWN,
            "method": "one_step",
            "target": "general",
            "alpha": [1e-3, 1e-2, 1e-1, 3e-1],
            "beta": 0.6**0.5,
            "trigger": "true",
            "trigger_level": 0.05 / 0.6,
        },
        seeds=(0, 1),
        steps=600,
        judge=verdicts.one_step,
        source="figure: the new method, several α; our choice of β and trigger",
    ),
    Preset(
        name="P6",
        title="One problem, three ways",
        look_for="Symmetric flattens, asymmetric passes it in a straight line, one modified step beats both.",
        set={**SMALL, "kappa": 2.0},
        cases=(SYMMETRIC, {}, EASY[3]),
        case_labels=THREE,
        seeds=(11,),
        steps=4000,
        cost="long",
        judge=verdicts.race,
        source="appendix: symmetric against asymmetric; our choice of sizes",
    ),
    Preset(
        name="P7",
        title="Ill-conditioning: eleven methods side by side",
        look_for="At κ = 20 gradient descent crawls; preconditioned methods do not notice.",
        set=SMALL,
        cases=(*({**case, "kappa": 2.0} for case in EASY), *({**EASY[i], "kappa": 20.0} for i in HARD)),
        case_labels=(*CALLED, *(CALLED[i] for i in HARD)),
        seeds=(11,),
        steps=4000,
        cost="long",
        judge=verdicts.conditioning,
        log_x=True,
        lead="ranking",
        source="appendix: conditioning; our choice of methods and constants",
    ),
    Preset(
        name="P8",
        title="There is a best initialisation scale",
        look_for="Lines get steeper up to α* = 0.63 and flatter again after it.",
        set={
            **OWN,
            "n": 60,
            "spectrum": "1:0.8:0.5",
            "target": "general",
            "init": "orthonormal",
            "eta": 0.05,
            "alpha": [0.2, 0.3, 0.4, 0.5, 0.62, 0.8, 1.0, 1.2, 1.5, 2.0],
        },
        steps=14_000,
        cost="long",
        judge=verdicts.best_scale,
        source="appendix: α ≥ 1; our choice of sizes",
    ),
    Preset(
        name="P9",
        title="Very wide factors: only k/n counts",
        look_for="All linear; the smaller matrix is slower because its imbalance is nearly singular.",
        set={**OWN, "r": 5, "k": 20, "alpha": 0.5, "target": "general"},
        cases=({"n": 50}, {"n": 200}),
        seeds=(0, 1),
        steps=30_000,
        cost="long",
        judge=verdicts.width_ratio,
        source="appendix: k = 20, r = 5",
    ),
    Preset(
        name="P10",
        title="A smaller start waits longer, evenly",
        look_for="Flat, then a drop; each decade of α shifts the drop by the same number of steps.",
        set={**OWN, **SYMMETRIC, "eta": 0.2, "alpha": [1e-4, 1e-3, 1e-2, 1e-1]},
        steps=400,
        judge=verdicts.onset,
        source="appendix: initial phase",
    ),
    Preset(
        name="P11",
        title="Imbalance is the fuel",
        look_for="Only the two runs without imbalance bend; the more imbalance, the steeper the line.",
        set={**OWN, "alpha": 0.5},
        cases=(
            SYMMETRIC,
            {"init": "copy", "init_ratio": 1.0},
            {"init": "copy", "init_ratio": 0.9},
            {"init_ratio": 1.0},
            {"init": "copy"},
            {},
            {"init_ratio": 0.1},
        ),
        case_labels=(
            "symmetric",
            "G a copy of F",
            "a copy, 0.9 as large",
            "independent, as large",
            "a copy, a third as large",
            "independent, a third as large",
            "independent, a tenth as large",
        ),
        seeds=(7,),
        steps=8000,
        cost="long",
        judge=verdicts.imbalance,
        source="ours",
    ),
    Preset(
        name="P12",
        title="A trap: symmetric measurements are blind",
        look_for="The loss falls either way; with symmetric Aᵢ the error does not.",
        set={**SMALL, "alpha": 0.5},
        cases=({"operator": "gaussian_symmetric"}, {}),
        case_labels=("symmetric measurements", "Gaussian measurements"),
        seeds=(11,),
        steps=4000,
        cost="long",
        judge=verdicts.symmetric_measurements,
        source="ours",
    ),
    Preset(
        name="P13",
        title="Noise: wider runs overfit",
        look_for="All reach the same best error; the wide ones then get worse.",
        set={**SMALL, **SYMMETRIC, "noise": 0.1, "alpha": 0.01, "k": [3, 5, 10]},
        seeds=(4,),
        steps=6000,
        cost="long",
        judge=verdicts.overfit,
        log_x=True,
        source="ours",
    ),
)
