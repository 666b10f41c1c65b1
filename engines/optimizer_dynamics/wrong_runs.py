"""Wrong runs of each preset, each of which at least one of its claims refuses."""

from collections.abc import Mapping

from engines.core.analysis.wrong_runs import Change, but, scaled, where
from engines.optimizer_dynamics.scenes.network import rates_of

STEP = {"steps a quarter longer": scaled(eta=1.25)}


WRONG: Mapping[str, Mapping[str, Change]] = {
    "O0": STEP | {
        "Newton–Schulz labelled polar": but(orthogonalise="newton_schulz"),
        "gradient descent for Muon": where({"method": "muon"}, but(method="gd", eta=0.01)),
        "Muon for gradient descent": where(
            {"method": "gd"}, but(method="muon", orthogonalise="polar", beta1=0.0, eta=0.002)
        ),
    },
    "O1": STEP | {
        "Shampoo with averages": where({"method": "shampoo"}, but(method="shampoo_ema", beta2=0.999, eta=0.002)),
        "Muon and SOAP for each other": lambda c: (
            c.replace(method={"muon": "gd", "gd": "muon", "soap": "gd"}.get(c.method, c.method), orthogonalise="polar",
                      beta1=0.0)
        ),
        "ScaledGD with damping": where({"method": "scaled_gd"}, but(damping=0.5)),
        "gradient descent for ScaledGD": where({"method": "scaled_gd"}, but(method="gd")),
    },
    "O2": STEP | {"a factor less": but(depth=lambda c: max(c.depth - 1, 2))},
    "O3": {
        "polar": but(orthogonalise="polar"),
        "four quintic steps": but(ns_steps=4),
    },
    "O4": {
        "Adam for SOAP": where({"method": "soap"}, but(method="adam")),
        "all in the basis": but(start="diagonal"),
        "all rotated": but(start="aligned"),
        "steps a quarter longer": scaled(eta=1.25),
    },
    "O5": {
        "a tenth less decay": scaled(weight_decay=0.9),
        "no decay": but(weight_decay=0.0),
        "a target half as large": but(spectrum="1:1:0.5:0.25:0.125"),
    },
    "O6": STEP | {
        "noise twice": scaled(noise=2.0),
        "one sample a step": but(batch_size=1),
        "schedules exchanged": but(schedule=lambda c: "linear" if c.schedule in ("wsd", "rsqrt") else "rsqrt"),
    },
    "O7": {
        "an easier minimiser": but(source=3.0),
        "fewer directions": but(dimension=8),
        "no decay": but(schedule="constant"),
        "linear for constant": but(schedule="linear"),
    },
    "O8": STEP | {"noise a tenth more": scaled(noise=1.1), "two samples a step": but(batch_size=2)},
    "O9": {"half the batch size": but(batch_size=lambda c: max(c.batch_size // 2, 1)), "noise twice": scaled(noise=2.0),
           "fewer directions": but(dimension=20), "no decay": but(schedule="constant")},
    "O10": {
        "no preconditioner": but(precondition=0.0),
        "divided by the curvature": but(precondition=lambda c: 2 * c.precondition),
    },
    "O11": {
        "no decay": but(schedule="constant"),
        "an easier minimiser": but(source=3.0),
        "momentum kept as it is": but(method="heavy_ball", beta1=0.5),
    },
    "O12": {
        "growth of a half at most": but(growth_rate=1.5),
        "ten times the first guess": scaled(d0=10.0),
        "DoG for DoWG": where({"method": "dowg"}, but(method="dog")),
    },
    "O16": {
        "steps a quarter longer": scaled(eta=1.25),
        "one sample a step": but(batch_size=1),
        "momentum for nothing": but(beta1=0.0),
        "the last iterate for the mean": but(average="none"),
        "Schedule-Free without its average": where({"method": "schedule_free"}, but(method="gd")),
    },
    "O17": {"a step far from the edge": but(eta=0.2), "steps half as long again": scaled(eta=1.5)},
    "O18": {
        "a step far from the edge": but(eta=0.2),
        "flows that begin at the start": but(flow_start=1),
        "flows that never begin": but(flow_start=-1),
    },
    "O13": {
        "steps a tenth longer": scaled(eta=1.1),
        "steps a tenth shorter": scaled(eta=0.9),
        "another product": but(centre=0.3),
    },
    "O14": {
        "half the step": scaled(eta=0.5),
        "the threshold of gradient descent for Adam": where({"method": "adam"}, but(beta1=0.0)),
        "a valley that rises faster": scaled(rise=1.5),
    },
    "O15": {
        "Adam for all": lambda c: c.replace(method="adam", eta=rates_of("adam")[rates_of(c.method).index(c.eta)]),
        "a tenth of the rate for all but Adam": lambda c: c if c.method == "adam" else c.replace(eta=c.eta / 10),
        "Lion at a hundredth of its rates": where({"method": "lion"}, scaled(eta=0.01)),
        "no decay": but(schedule="constant"),
        "Adam ten times too fast": where({"method": "adam"}, scaled(eta=10.0)),
    },
    "O24": {
        "a step far from the edge": but(eta=2e-4),
        "steps ten times as long": scaled(eta=10.0),
        "gradient descent in its place": but(method="gd", eta=0.2),
    },
    "O19": {
        "Schedule-Free without its average": where({"method": "schedule_free"}, but(method="gd")),
        "Schedule-Free AdamW at a fiftieth of its rates": where({"method": "schedule_free_adam"}, scaled(eta=0.02)),
        "a first guess a million times too small": scaled(d0=1e-6),
        "Adam at a tenth of its rates": where({"method": "adam"}, scaled(eta=0.1)),
        "Prodigy that may hardly grow": where({"method": "prodigy"}, but(growth_rate=1.02)),
        "Adam for DoG": where({"method": "dog"}, but(method="adam", eta=0.03981, beta2=0.99, schedule="linear")),
    },
    "O20": {
        "a constant rate for a linear schedule and back": but(
            schedule=lambda c: "linear" if c.schedule == "constant" else "constant"
        ),
        "a tenth of all rates": scaled(eta=0.1),
        "gradient descent that hardly moves": where({"method": "gd"}, scaled(eta=1e-5)),
    },
    "O21": {
        "half of DoG's step": where({"method": "dog"}, scaled(eta=0.5)),
        "DoG for DoWG": where({"method": "dowg"}, but(method="dog", eta=0.5)),
        "Prodigy at a hundredth of its rate": where({"method": "prodigy"}, scaled(eta=0.01)),
        "Muon at a tenth of its rates": where({"method": "muon"}, scaled(eta=0.1)),
        "Adam for D-Adaptation of it": where({"method": "dadapt_adam"}, but(method="adam", eta=0.1)),
    },
    "O22": {
        "noise thrice": scaled(noise=3.0),
        "no noise": but(noise=0.0),
        "schedules that fall for all but Schedule-Free": where({"schedule": "constant", "average": "none"}, lambda c: (
            c if c.method == "schedule_free" else c.replace(schedule="linear")
        )),
        "no average": but(average="none"),
        "a tuned rate for those that find theirs": lambda c: (
            c.replace(method="gd", eta=0.05) if c.method in ("prodigy", "dadapt_adam") else c
        ),
    },
    "O23": {
        "no noise": but(noise=0.0),
        "noise of 100 for all": but(noise=100.0),
        "a first guess as large as the distance": but(d0=1.0),
        "DoG for Prodigy": where({"method": "prodigy"}, but(method="dog")),
    },
}  # fmt: skip
