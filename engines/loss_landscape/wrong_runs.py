"""Wrong runs of the presets: what a fault of the engine would make of them; see `engines.core.analysis.wrong_runs`."""

from engines.core.analysis.wrong_runs import but, scaled

UNDECAYED = {"no weight decay": but(weight_decay=0.0)}
SLOWER = {"steps a third as long": scaled(learning_rate=1 / 3)}
SHOWN = {"nearly all pairs are shown": but(train_fraction=0.95)}
GROKKING = UNDECAYED | SLOWER | SHOWN

NESTED = {"nested gates": but(planted="nested")}
LAYERED = {"a generic layer above": but(planted="gates", depth=2, width=12)}

SHORT_STEPS = {"steps a thousandth as long": scaled(learning_rate=1e-3)}
LEARNS_LESS = SHORT_STEPS | {"a hundred times the weight decay": scaled(weight_decay=100)}

WRONG = {
    "L0": GROKKING,
    "L1": LAYERED | {"nothing planted": but(planted="none"), "one neuron more": but(width=7)},
    "L2": NESTED | LAYERED,
    "L3": NESTED | LAYERED,
    "L4": {"independent gates": but(planted="gates", depth=1)},
    "L5": {
        "angles half as large again": scaled(angle=1.5),
        "another power of the angle": but(angle=lambda config: config.angle**1.2),
        "neurons that never quite agree": but(angle=lambda config: config.angle + 0.01),
    },
    "L6": {"steps a quarter longer": scaled(kappa=1.25), "two parameters fewer": but(inputs=8)},
    "L7": {"steps half as long again": scaled(kappa=1.5), "a narrower window": scaled(gamma=2)},
    "L8": {
        "a rank too high": but(rank=lambda config: min(config.rank + 1, min(config.sizes))),
        "steps a quarter as long": scaled(kappa=0.25),
    },
    "L9": {"a narrower window": scaled(gamma=2), "nothing planted": but(planted="none")},
    "L10": {
        "steps a thousandth as long": scaled(learning_rate=1e-3),
        "gates below a generic layer": but(
            subject="planted", optimizer="langevin", planted="gates", depth=2, width=12, chains=2, burn_in=0
        ),
    },
    "L11": {"steps a thousandth as long": scaled(learning_rate=1e-3)},
    "L12": GROKKING,
    "L13": {"one dimension more": but(embedding=13)},
    "L14": UNDECAYED | {"squares everywhere": but(activation="square"), "ReLUs everywhere": but(activation="relu")},
    "L15": GROKKING,
    "L16": GROKKING,
    "L17": {"three dimensions": but(embedding=3), "a feature fewer": but(inputs=5)},
    "L18": {
        "modules that are fed the same": but(correlation=0.5),
        "no modules": but(planted="none", inputs=8, outputs=8),
    },
    "L19": {"ReLUs between the layers": but(subject="planted", planted="none", inputs=6, width=6, depth=3, outputs=6)},
    "L20": LEARNS_LESS,
    "L21": SHORT_STEPS | {"three neurons a layer": but(width=3)},
    "L22": {"half as wide": but(width=8)},
    "L23": {"interactions a quarter stronger": scaled(strength=1.25), "a lower level": scaled(strength=2.5)},
}  # fmt: skip
"""Wrong runs by preset."""
