"""Wrong runs of the presets: what at least one claim of each has to notice, see `engines.core.analysis.wrong_runs`."""

from collections.abc import Mapping

from engines.core.analysis.wrong_runs import Change, but, scaled, where
from engines.neural_collapse import laws

LONGER = {"steps a quarter longer": scaled(step_size=1.25)}

UNSTABLE = {"steps of twice the stable length": but(step_size=lambda c: 2 * laws.stable_step(c))}

UNTRAINED = {"learning rate a ten-thousandth": scaled(learning_rate=1e-4)}


WRONG: Mapping[str, Mapping[str, Change]] = {
    "P0": LONGER | {
        "perturbation a quarter larger": scaled(epsilon=1.25),
        "decay of the classifier three times": scaled(lambda_w=3.0),
    },
    "P1": {
        "held a quarter stronger": scaled(beta=1.25),
        "perturbation that is not small": but(epsilon=0.3),
        "flow for the time of the layer": but(model="central_path", step_size=lambda c: 1 / (80 * c.beta)),
    },
    "P2": LONGER | UNSTABLE | {
        "decay of the classifier a quarter more": scaled(lambda_w=1.25),
        "a bias": but(bias=True),
    },
    "P3": {
        "held half as strong": where({"model": "proximal"}, scaled(beta=0.5)),
        "flow a quarter longer": where({"model": "central_path"}, scaled(step_size=1.25)),
        "features do not decay": but(lambda_h=0.0),
    },
    "P4": {
        "held a quarter stronger": scaled(beta=1.25),
        "perturbations squared": but(epsilon=lambda c: c.epsilon**2),
    },
    "P5": {
        "held a quarter stronger": scaled(beta=1.25),
        "features decay a quarter more": scaled(lambda_h=1.25),
    },
    "P6": {
        "decays exchanged": but(lambda_w=lambda c: c.lambda_h, lambda_h=lambda c: c.lambda_w),
        "held a quarter stronger": scaled(beta=1.25),
        "one decay of the features for all": but(lambda_h=0.04),
    },
    "P7": {
        "held a quarter stronger": where({"model": "proximal"}, scaled(beta=1.25)),
        "flow for a tenth of the time": where({"model": "central_path"}, scaled(step_size=0.1)),
    },
    "P8": {
        "held a quarter stronger": scaled(beta=1.25),
        "no bias": but(bias=False),
        "features decay half as much": scaled(lambda_h=0.5),
    },
    "P9": UNTRAINED | {"layers trained together": but(greedy=False)},
    "P10": UNTRAINED | {
        "decay of the features four times": scaled(weight_decay_features=4.0),
        "more decay for less": but(
            weight_decay_features=lambda c: 1e-3 - c.weight_decay_features,
            weight_decay_last=lambda c: 1e-3 - c.weight_decay_last,
        ),
    },
    "P11": UNTRAINED | {"no weight decay": but(weight_decay_features=0.0, weight_decay_last=0.0)},
    "P12": LONGER | {
        "decay of the classifier a third": scaled(lambda_w=1 / 3),
        "features decay a quarter more": scaled(lambda_h=1.25),
    },
}  # fmt: skip
