"""Experiments O0 to O15."""

from __future__ import annotations

from engines.core.protocol.engine import Preset
from engines.optimizer_dynamics import verdicts

POLAR = {"method": "muon", "orthogonalise": "polar", "beta1": 0.0}
"""Muon with exact polar factors and no momentum, whose law is a straight line."""

EXACT = {"eps": 1e-30}
"""Adam's eps out of the way: 1e-8 stops small modes."""

PRESETS = (
    Preset(
        name="O0",
        title="Start here: large modes first, or small?",
        look_for="Gradient descent learns the largest singular value first, Muon the smallest; both on their dashed lines.",
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
            {"method": "scaled_gd", "alpha": 0.07, "eta": 0.001, "damping": 0.0},
        ),
        steps=3100,
        cost="long",
        judge=verdicts.table,
        lead="half_times",
        follows="O2",
        source="ours: the table of staircase laws",
    ),
    Preset(
        name="O2",
        title="Deeper: plateaus for one, none for the other",
        look_for="With every further factor gradient descent waits longer; Muon hardly does.",
        set={"start": "aligned", "alpha": 0.2, "depth": [2, 3, 4]},
        cases=({"method": "gd", "eta": 0.01}, {**POLAR, "eta": 0.002}),
        steps=1500,
        cost="long",
        judge=verdicts.depths,
        lead="modes",
        source="ours",
    ),
    Preset(
        name="O3",
        title="What Newton–Schulz does to a small singular value",
        look_for="Directions below about 1/500 of the gradient are left behind: a weak staircase returns.",
        set={
            "method": "muon", "beta1": 0.0, "start": "aligned", "alpha": 1e-3, "eta": 1e-3,
            "spectrum": "1:0.1:0.01:0.001:0.0001:0.00001",
        },
        steps=1500,
        judge=verdicts.newton_schulz,
        lead="map",
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
)  # fmt: skip
