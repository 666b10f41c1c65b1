"""Wrong runs of each preset, each of which at least one of its claims refuses."""

from engines.core.analysis.wrong_runs import but, scaled

STEP = {"step x 1.25": scaled(eta=1.25)}

WRONG = {
    "P0": STEP | {"one column more": but(k=lambda c: c.k + 1), "start x 3": scaled(alpha=3)},
    "P1": STEP | {"an asymmetric model": but(parameterization="asymmetric")},
    "P2": {"an asymmetric model": but(parameterization="asymmetric")},
    "P3": STEP | {"every start larger by 0.05": but(alpha=lambda c: c.alpha + 0.05)},
    "P4": STEP | {"every start larger by 0.1": but(alpha=lambda c: c.alpha + 0.1)},
    "P5": STEP | {"lifted to 1.3 times the scale": scaled(beta=1.3), "no lift": but(trigger="manual")},
    "P6": STEP | {"one column more": but(k=lambda c: c.k + 1)},
    "P7": STEP
    | {
        "nothing preconditioned": but(
            method=lambda c: "gd" if c.method in ("scaled_gd", "prec_gd", "agn") else c.method
        ),
        "half the condition number": but(kappa=lambda c: c.kappa / 2 if c.kappa == 20 else c.kappa),
    },
    "P8": STEP,
    "P9": STEP | {"orthonormal starts": but(init="orthonormal")},
    "P10": STEP,
    "P11": STEP | {"start x 1.25": scaled(alpha=1.25)},
    "P12": {
        "noise on": but(noise=0.05),
        "all measurements full": but(operator="gaussian"),
    },
    "P13": {
        "noise x 1.5": scaled(noise=1.5),
        "one column more": but(k=lambda c: c.k + 1),
        "no column more than the rank": but(k=3),
    },
}
