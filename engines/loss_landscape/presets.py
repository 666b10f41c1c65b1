"""Presets L1 to L23, one experiment each, and L0 to begin with."""

from __future__ import annotations

from typing import Any

from engines.core.protocol.engine import Preset
from engines.loss_landscape.verdicts import chains, counts, probed, trained

ADDITION = {"subject": "addition", "width": 64, "learning_rate": 5e-3, "weight_decay": 1.0}
DIGITS = {"subject": "digits", "learning_rate": 1e-2, "n_beta": 1000.0}
PLANTED = {
    "subject": "planted",
    "optimizer": "langevin",
    "depth": 1,
    "chains": 8,
    "n_beta": 100.0,
    "gamma": 100.0,
    "kappa": 0.5,
    "burn_in": 100,
}
GENERIC = {"width": 6, "depth": 1}
LINEAR: dict[str, Any] = {"subject": "linear", "optimizer": "gibbs", "chains": 16, "burn_in": 500}
LOSS = {"subject": "potential", "optimizer": "langevin"}

NETS = (("2-1-2", 0), ("3-2-3", 0), ("3-2-3", 1), ("5-3-5", 2), ("3-3-3-3", 0), ("4-3-3-4", 2))
"""Widths and true rank of deep linear maps."""


def _both(*judges: Any) -> Any:
    return lambda run: [verdict for judge in judges for verdict in judge(run)]


PRESETS = (
    Preset(
        name="L0",
        title="Start here: a network understands, and its parameters become free",
        look_for="Effective parameters rise as it memorises and fall as it understands, long after. Without weight "
        "decay they only rise.",
        set=ADDITION | {"n_beta": 10.0},
        steps=3000,
        judge=trained.opening,
        source="ours: grokking, with its landscape",
        follows="L3",
    ),
    Preset(
        name="L1",
        title="Planted: dependent activations, dependent gradients",
        look_for="Every zero mode has a reason. Each live neuron owns one at least.",
        set=PLANTED | GENERIC | {"planted": list(counts.ROWS)},
        steps=300,
        judge=counts.rows,
        lead="reasons",
    ),
    Preset(
        name="L2",
        title="Planted: neurons that fire together, block by block",
        look_for="A staircase: more outputs see more, until only the blocks of 3, 2 and 1 neurons are free.",
        set=PLANTED,
        cases=tuple({"planted": plan, "outputs": k} for plan, k in counts.STAIRCASE),
        seeds=(1,),
        steps=300,
        judge=counts.staircase,
        lead="by_knob",
    ),
    Preset(
        name="L3",
        title="Planted: all three types, one inside the other",
        look_for="The sum of three counts is too large; the union is exact.",
        set=PLANTED | {"planted": "all"},
        steps=300,
        judge=counts.all_types,
        lead="reasons",
        probes={"degeneracy": {}, "hessian": {"n_beta": 1e12}},
    ),
    Preset(
        name="L4",
        title="Where the explanation ends: nested gates",
        look_for="What is left over is shown: gates that depend on one another, and blocks that depth makes.",
        set=PLANTED,
        cases=(
            *({"planted": "nested", "outputs": k} for k in (1, 2, 3, 4)),
            {"planted": "gates", "outputs": 4, "depth": 2, "width": 12},
        ),
        seeds=(1,),
        steps=300,
        judge=counts.nested,
        lead="reasons",
    ),
    Preset(
        name="L5",
        title="Nearly synchronised is nearly free",
        look_for="The curvature along the exchange falls with the cube of the angle.",
        set=PLANTED | {"planted": "near", "samples": 20_000, "chains": 2, "burn_in": 20,
                       "angle": [0.0, 0.03, 0.1, 0.3]},
        steps=100,
        judge=counts.near,
        lead="near",
    ),
    Preset(
        name="L6",
        title="The bias of the step size, where it is known exactly",
        look_for="Estimates lie on the dashed formula: too large a step finds too large a coefficient.",
        set=LOSS | {"potential": "quadratic", "inputs": 10, "n_beta": 1000.0, "chains": 128,
                    "kappa": [0.2, 0.5, 1.0, 2.0], "burn_in": 500},
        steps=4000,
        judge=_both(chains.formula, probed.sampled),
        lead="estimates",
        probes={"llc": {"method": "mala", "kappa": 0.5, "n_beta": 1000.0}},
    ),
    Preset(
        name="L7",
        title="w₁²w₂²: plain steps are fooled where directions cross",
        look_for="Chains spread along a cross. Large steps find a quarter too much, though nearly all are accepted.",
        set=LOSS | {"potential": "crossing", "chains": 512, "burn_in": 2000},
        cases=tuple({"optimizer": how, "kappa": kappa} for how in ("langevin", "mala") for kappa in chains.CROSSING),
        steps=8000,
        judge=chains.crossing,
        lead="points",
    ),
    Preset(
        name="L8",
        title="Deep linear maps: Aoyagi's coefficients, sampled",
        look_for="Gibbs' sampler lands on the formula; Langevin steps on three layers are far off until extrapolated.",
        set=LINEAR,
        cases=(
            *({"widths": widths, "rank": rank, "n_beta": 1e7} for widths, rank in NETS),
            {"widths": "4-3-3-4", "rank": 2, "n_beta": 100.0},
            *({"widths": "4-3-3-4", "rank": 2, "n_beta": 100.0, "optimizer": "langevin", "kappa": kappa, "chains": 64,
               "burn_in": 2000}
              for kappa in chains.KAPPAS),
        ),
        steps=5000,
        judge=chains.linear,
        lead="coefficient",
    ),
    Preset(
        name="L9",
        title="From counting to sampling: half the soft rank",
        look_for="The coefficient of a ReLU network is half its effective parameters.",
        set=PLANTED | {"inputs": 4, "width": 5, "depth": 1, "outputs": 3, "samples": 300, "n_beta": 1e4,
                       "gamma": 1000.0, "kappa": 0.2, "chains": 32, "burn_in": 1000,
                       "planted": ["none", "duplicate", "dead"]},
        steps=4000,
        judge=chains.bridge,
        lead="coefficient",
    ),
    Preset(
        name="L10",
        title="Digits: how the zero modes split",
        look_for="Always-zero pixels, dead neurons, rescalings: of hundreds of zero modes nearly all are explained.",
        set=DIGITS | {"start": "he", "weight_decay": 0.0},
        steps=1500,
        judge=_both(trained.reads(0.955), probed.explained(0.97, 10.5)),
        probes={"degeneracy": {}},
    ),
    Preset(
        name="L11",
        title="Digits, wider and in batches",
        look_for="It reads as well. What its zero modes are is for the probe on degeneracy to say, residual and all.",
        set=DIGITS | {"width": 32, "batch": 128, "learning_rate": 3e-3, "weight_decay": 0.1},
        steps=3000,
        judge=trained.reads(0.95),
    ),
    Preset(
        name="L12",
        title="Grokking in several draws",
        look_for="Each draw memorises within 200 steps and generalises about a thousand later.",
        set=ADDITION | {"n_beta": 10.0},
        seeds=(0, 1),
        steps=3000,
        judge=_both(trained.opening, probed.adds),
        probes={"interaction_basis": {}},
    ),
    Preset(
        name="L13",
        title="Zero modes of a network that adds: e² + h, always",
        look_for="The exact count does not change as the network understands; what a finite level sees does.",
        set=ADDITION | {"embedding": 12, "width": 48, "train_fraction": 0.7, "modulus": 23},
        steps=3000,
        judge=probed.embedded,
        probes={"degeneracy": {}},
    ),
    Preset(
        name="L14",
        title="A smooth network groks sooner",
        look_for="Squares instead of ReLUs: no gates, and sums of products are what addition needs.",
        set={"subject": "one_hot", "activation": ["square", "relu"], "width": 128, "learning_rate": 1e-2},
        steps=900,
        judge=trained.sooner,
    ),
    Preset(
        name="L15",
        title="One-hot ReLUs grok late",
        look_for="It has memorised within a hundred steps and generalises many times later.",
        set={"subject": "one_hot", "width": 128, "learning_rate": 1e-2},
        steps=2500,
        judge=trained.groks(120, 5),
    ),
    Preset(
        name="L16",
        title="Grokking with attention",
        look_for="A transformer of one layer takes the same two steps.",
        set={"subject": "transformer", "embedding": 32, "width": 128, "learning_rate": 3e-3, "train_fraction": 0.7},
        steps=1000,
        judge=trained.groks(200, 2),
    ),
    Preset(
        name="L17",
        title="Superposition: five features on a pentagon",
        look_for="Six features in two dimensions: five share the plane evenly, the sixth is given up.",
        set={"subject": "superposition", "inputs": 6, "embedding": 2, "samples": 1000, "learning_rate": 5e-3,
             "weight_decay": 0.0},
        steps=4000,
        judge=trained.superposed,
        lead="points",
    ),
    Preset(
        name="L18",
        title="Modules, hidden: the interaction basis finds them",
        look_for="Edges of features within a module, none between: fewer than among principal components.",
        set=PLANTED | {"planted": "modular", "width": 8, "depth": 3, "samples": 1000, "chains": 4, "n_beta": 100.0},
        steps=100,
        judge=probed.modular,
        lead="reasons",
        probes={"interaction_basis": {}},
    ),
    Preset(
        name="L19",
        title="A linear map in its interaction basis is diagonal",
        look_for="One edge a feature in every layer.",
        set={"subject": "linear", "widths": "6-6-6-6-6", "rank": 6, "corner": False, "samples": 2000,
             "weight_decay": 0.0},
        steps=10,
        judge=probed.diagonal,
        probes={"interaction_basis": {}},
    ),
    Preset(
        name="L20",
        title="The bowl of a network that reads digits",
        look_for="A smooth bowl; the way that training took lies above it, at its true loss.",
        set=DIGITS | {"weight_decay": 1e-2},
        steps=800,
        judge=_both(trained.reads(0.9), probed.bowl),
        probes={"surface": {"resolution": 51}},
    ),
    Preset(
        name="L21",
        title="Between two minima: a barrier, and a tunnel",
        look_for="The straight line climbs over a ridge; a curve that is trained goes around it.",
        set=DIGITS | {"weight_decay": 1e-2},
        steps=800,
        judge=probed.connected,
        probes={"connectivity": {}},
    ),
    Preset(
        name="L22",
        title="How many directions are enough to learn?",
        look_for="About a hundred random directions of 1,482 give nine tenths of the accuracy.",
        set=DIGITS | {"weight_decay": 1e-2},
        steps=800,
        judge=probed.subspaces,
        probes={"intrinsic_dimension": {}},
    ),
    Preset(
        name="L23",
        title="Interaction counts by its logarithm",
        look_for="Two weights that interact cost less than one parameter, and nothing at all below the level.",
        set=LOSS | {"potential": "box", "chains": 4096, "strength": [0.5, 1.01, 10.0, 100.0, 1e4, 1e8]},
        steps=2000,
        judge=chains.box,
        lead="estimates",
    ),
)  # fmt: skip
"""All presets, in their order."""
