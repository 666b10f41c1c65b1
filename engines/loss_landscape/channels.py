"""Recorded channels. Every kind of dynamics returns all of them, NaN where one does not apply."""

from __future__ import annotations

from engines.core.protocol.declarations import Channel

TRAINING = (
    Channel(
        name="loss",
        label="loss",
        doc="Mean over the training samples, which is minimised; of chains, how far above that of their centre; of "
        "draws in a box, their mean over the level.",
    ),
    Channel(name="test_loss", label="test loss", doc="Mean over the samples that are not trained on."),
    Channel(
        name="accuracy",
        label="accuracy",
        doc="Share of training samples whose largest output is their label's; of chains, at their centre.",
        log=False,
    ),
    Channel(
        name="test_accuracy",
        label="test accuracy",
        doc="Share of samples not trained on whose largest output is their label's.",
        log=False,
    ),
    Channel(
        name="weight_norm", label="norm of the weights", formula="‖θ‖", doc="Length of the vector of all parameters."
    ),
)

ANALYSED = (
    Channel(
        name="effective_parameters",
        label="effective parameters",
        formula="N_eff(b)",
        doc="How many directions a level of the loss sees, Σ bh/(bh + γ): a soft rank of the Hessian of the "
        "behavioural loss, each layer's as if it were the product of what it sees (μ) and of what is seen of it (ν). "
        "Of training, the window of a layer is as wide as its weights and outputs of classifiers are scaled to unit "
        "spread, so that networks of other sizes compare; units of inputs count. An upper estimate: directions across "
        "layers count in it, which makes a quarter where networks add and a few per cent on digits. The probes count "
        "exactly.",
        thin=True,
        log=False,
    ),
    Channel(
        name="soft_count",
        label="effective parameters",
        formula="N_eff(b), b = 1 … 10⁹",
        doc="Effective parameters at every inverse temperature b: towards the right the exact rank, to the left what a "
        "coarse level sees. Exact, from the eigenvalues of the Hessian, where the network is small and at rest.",
        dims=("b",),
        thin=True,
        log=False,
    ),
    Channel(
        name="rank_activations",
        label="rank of what a layer sees",
        formula="r_a = rank(A)",
        doc="Activations that enter the layer, the constant among them, each scaled to unit length first.",
        dims=("layer",),
        thin=True,
        log=False,
    ),
    Channel(
        name="rank_gradients",
        label="rank of what is seen of a layer",
        formula="r_g = rank(G)",
        doc="Derivatives of the outputs by what the layer makes, those of each neuron scaled to unit length first.",
        dims=("layer",),
        thin=True,
        log=False,
    ),
    Channel(
        name="synchronised_blocks",
        label="blocks of synchronised neurons",
        doc="Classes of neurons that fire on the same samples, of each hidden layer: the width where none agree.",
        dims=("hidden layer",),
        thin=True,
        log=False,
    ),
    Channel(
        name="slice",
        label="change of the outputs",
        formula="⟨|f(θ + a d) − f(θ)|²⟩/2 Var f",
        doc="How much the outputs change along one random direction d in which each neuron moves by as much as its "
        "weights are long (Li et al. 2018): a wide bowl is flat.",
        dims=("a",),
        thin=True,
    ),
    Channel(
        name="fourier",
        label="power of a frequency",
        formula="Σ_j |Σ_a E_aj e^{2πika/p}|² / all",
        doc="Power of each frequency in the table of summands: networks that generalise add by a few of them.",
        dims=("frequency",),
        thin=True,
        log=False,
    ),
)

COUNTED = (
    Channel(
        name="free_directions",
        label="free directions",
        doc="Free directions where the subject rests, by reason: dependent activations or gradients; neurons that see "
        "part of the data; synchronised neurons, across layers; what is left, which is never hidden: gates that depend "
        "on one another, which the probe looks for, or no reason.",
        dims=("reason",),
        thin=True,
        log=False,
    ),
    Channel(
        name="nullity",
        label="zero modes",
        formula="P − rank(J)",
        doc="Zero eigenvalues of the Hessian, counted by singular values in float64.",
        thin=True,
        log=False,
    ),
    Channel(
        name="explained",
        label="explained",
        formula="types 1 and 2 + single layers + across layers",
        doc="A lower bound of the zero modes, with its reasons.",
        thin=True,
        log=False,
    ),
    Channel(
        name="near_curvature",
        label="curvature of the exchange",
        formula="q = ‖Ju‖²/n‖u‖²",
        doc="Curvature of exchanging two neurons that nearly agree. The exchange is free where they agree exactly, and "
        "almost free where they nearly do: its curvature grows with the cube of the angle.",
        thin=True,
    ),
    Channel(
        name="spectrum",
        label="eigenvalue of the Hessian",
        doc="Eigenvalues of the Hessian of the behavioural loss, largest first. Zero is put at 1e-20 of the largest.",
        dims=("eigenvalue",),
        thin=True,
    ),
)

CHAINS = (
    Channel(
        name="llc",
        label="learning coefficient",
        formula="λ̂ = b (⟨L⟩ − L(w*))",
        doc="Mean over chains and over steps after burn-in (before: of the step alone): half the number of parameters "
        "that the loss level sees. In the box: of draws, half the slope of the logarithm of the volume.",
        log=False,
    ),
    Channel(
        name="llc_error",
        label="its standard error",
        doc="Standard error over the chains. It sees the noise, not the bias of the step size.",
    ),
    Channel(
        name="distance",
        label="distance of the chains",
        formula="√⟨‖w − w*‖²⟩",
        doc="Root mean square distance of the chains from the centre of the window.",
    ),
    Channel(
        name="acceptance", label="accepted", doc="Share of steps that MALA accepted. High is no proof of being right.",
        log=False,
    ),
    Channel(name="point_x", label="x", doc="Places of chains, or of features in superposition.", dims=("point",),
            thin=True, log=False),
    Channel(name="point_y", label="y", doc="Places of chains, or of features in superposition.", dims=("point",),
            thin=True, log=False),
    Channel(name="point_class", label="kind of point", doc="0: chain, 1: feature.", dims=("point",), thin=True,
            log=False),
)  # fmt: skip

CHANNELS = (*TRAINING, *ANALYSED, *COUNTED, *CHAINS)

REASONS = ("types 1 and 2", "single layers", "across layers", "unexplained")

POINTS = ("chain", "feature")

B_GRID = tuple(10.0**power for power in range(10))
"""Inverse temperatures of `soft_count`."""
