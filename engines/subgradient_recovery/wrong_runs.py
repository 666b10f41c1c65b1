"""Wrong runs of every preset: near misses of its settings, as a fault of the engine would make them."""

from engines.core.analysis.wrong_runs import but, scaled

SQUARES = but(loss="l2", method="gd", eta0=0.05)
FAST_SQUARES = but(loss="l2", method="gd", eta0=0.1)
ABSOLUTE = but(loss="l1", method="subgm")
RANDOM, SPECTRAL = but(init="random"), but(init="spectral")
CLEAN = but(outlier_fraction=0.0)
HALF, LONGER = scaled(budget=0.5), scaled(budget=1.25)
STEP = scaled(eta0=1.25)
ALPHA = scaled(alpha=3.0)


SIMPLER = {"scaled_sm": "polyak", "prox_linear": "polyak", "opsa_gap": "opsa"}


def exact(config):
    """Give a run as many columns as the truth needs."""
    return config.replace(k=config.r)


def full(config):
    """Give a run as many columns as the matrix has, where the method can."""
    return config if config.method in ("scaled_sm", "prox_linear") else config.replace(k=config.d)


def steeper(config):
    """Start a run at a power of the scale that was asked for."""
    return config.replace(alpha=config.alpha**1.25)


WRONG = {
    "SG-00": {
        "squares for absolute values": SQUARES,
        "absolute values for squares": ABSOLUTE,
        "a small start for the large one": but(alpha=1e-8, budget=13.9),
        "no outliers": CLEAN,
        "half the budget": HALF,
        "k = r": exact,
    },
    "SG-01": {
        "step x 1.25": STEP,
        "alpha x 3": ALPHA,
        "half the budget": HALF,
        "budget x 1.25": LONGER,
        "squares for absolute values": SQUARES,
    },
    "SG-02": {
        "alpha x 3": ALPHA,
        "random for spectral": RANDOM,
        "spectral for random": SPECTRAL,
        "full width": full,
        "k = r": exact,
    },
    "SG-03": {
        "no outliers": CLEAN,
        "more outliers": but(outlier_fraction=lambda c: c.outlier_fraction + 0.2),
        "alpha^1.25": steeper,
        "k = r": exact,
    },
    "SG-04": {
        "squares for absolute values": SQUARES,
        "absolute values for squares": but(loss="l1", method="subgm", budget=10.7),
        "full width": full,
        "k = r": exact,
        "outliers x 1.25": scaled(outlier_scale=1.25),
    },
    "SG-05": {
        "a small start": but(alpha=1e-8, init="spectral", budget=13.9),
        "half the budget": HALF,
        "budget x 1.25": LONGER,
        "k = r": exact,
        "no outliers": CLEAN,
        "squares for absolute values": SQUARES,
    },
    "SG-06": {
        "half the budget": HALF,
        "k = r": exact,
        "no outliers": CLEAN,
    },
    "SG-07": {
        "half the budget": HALF,
        "squares for absolute values": SQUARES,
        "alpha x 3": ALPHA,
    },
    "SG-08": {
        "squares for absolute values": FAST_SQUARES,
        "absolute values for squares": but(loss="l1", method="subgm", budget=13.9),
        "noise x 1.25": scaled(noise=1.25),
        "a small start for the large one": but(alpha=1e-8, budget=13.9),
        "half the budget": HALF,
        "k = r": exact,
        "full width": full,
    },
    "SG-09": {
        "noise x 1.5": scaled(noise=1.5),
        "no outliers": CLEAN,
        "squares for absolute values": FAST_SQUARES,
        "half the budget": HALF,
    },
    "SG-10": {
        "step x 1.25": STEP,
        "alpha x 3": ALPHA,
        "kappa x 1.25": scaled(kappa=1.25),
        "half the budget": HALF,
        "budget x 1.25": LONGER,
    },
    "SG-11": {
        "alpha x 3": ALPHA,
        "a random start": RANDOM,
        "a spectral start": SPECTRAL,
        "k = r": exact,
        "full width": full,
        "squares for absolute values": FAST_SQUARES,
    },
    "SG-12": {
        "the search ranks in reverse": but(k=lambda config: 32 - config.k),
        "large starts": but(alpha=1.0, budget=15.0),
    },
    "SG-13": {
        "budget x 1.25": LONGER,
        "half the budget": HALF,
        "no outliers": CLEAN,
        "k = r": exact,
        "alpha x 100": scaled(alpha=100.0),
    },
    "SG-14": {
        "full width": full,
        "k = r": exact,
        "no outliers": CLEAN,
        "half the budget": HALF,
        "simpler methods": but(method=lambda config: SIMPLER.get(config.method, config.method)),
        "outliers are kept": but(trim_fraction=0.05, median_threshold=30.0),
    },
    "SG-15": {
        "half the budget": HALF,
        "budget x 1.25": LONGER,
        "squares for absolute values": SQUARES,
    },
    "SG-16": {
        "squares for absolute values": FAST_SQUARES,
        "absolute values for squares": but(loss="l1", method="subgm", budget=6.7),
        "half the budget": HALF,
        "one alpha": but(alpha=1e-3, budget=6.68),
        "one sample size": but(m=600, outlier_fraction=0.1),
        "full width": full,
    },
    "SG-17": {
        "half the budget": HALF,
        "budget x 2": scaled(budget=2.0),
        "k = r": exact,
        "no outliers": CLEAN,
        "alpha x 3": ALPHA,
    },
}
