"""Wrong runs of each preset, each of which at least one of its claims refuses."""

from collections.abc import Mapping

from engines.core.analysis.wrong_runs import Change, but, scaled

STEP = {"steps a quarter longer": scaled(eta=1.25)}


def of(method: str, change: Change) -> Change:
    """Change the members of one method alone."""
    return lambda config: change(config) if config.method == method else config


WRONG: Mapping[str, Mapping[str, Change]] = {
    "O0": STEP | {
        "Newton–Schulz labelled polar": but(orthogonalise="newton_schulz"),
        "gradient descent for Muon": of("muon", but(method="gd", eta=0.01)),
        "Muon for gradient descent": of("gd", but(method="muon", orthogonalise="polar", beta1=0.0, eta=0.002)),
    },
    "O1": STEP | {
        "Shampoo with averages": of("shampoo", but(method="shampoo_ema", beta2=0.999, eta=0.002)),
        "Muon and SOAP for each other": lambda c: (
            c.replace(method={"muon": "gd", "gd": "muon", "soap": "gd"}.get(c.method, c.method), orthogonalise="polar",
                      beta1=0.0)
        ),
        "ScaledGD with damping": of("scaled_gd", but(damping=0.5)),
    },
    "O2": STEP | {"a factor less": but(depth=lambda c: max(c.depth - 1, 2))},
    "O3": {
        "polar": but(orthogonalise="polar"),
        "four quintic steps": but(ns_steps=4),
    },
    "O4": {
        "Adam for SOAP": of("soap", but(method="adam")),
        "all in the basis": but(start="diagonal"),
        "all rotated": but(start="aligned"),
        "steps a quarter longer": scaled(eta=1.25),
    },
    "O5": {
        "a tenth less decay": scaled(weight_decay=0.9),
        "no decay": but(weight_decay=0.0),
        "a target half as large": but(spectrum="1:1:0.5:0.25:0.125"),
    },
}  # fmt: skip
