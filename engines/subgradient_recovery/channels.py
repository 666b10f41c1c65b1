"""Channels that a run records."""

from __future__ import annotations

from engines.core.protocol.declarations import Channel

CHANNELS = (
    Channel(
        name="relative_error",
        label="relative error",
        formula="‖UUᵀ − X*‖_F / ‖X*‖_F",
        doc="Distance to the unknown matrix, against its size.",
    ),
    Channel(name="loss", label="loss", formula="(1/m) Σ ℓ(⟨Aᵢ, UUᵀ⟩ − yᵢ)", doc="What the knob loss says."),
    Channel(
        name="loss_gap",
        label="loss above that of the truth",
        formula="f(U) − f(truth)",
        doc="Below zero a point explains the data better than the truth does: it fits the outliers.",
    ),
    Channel(name="error", label="error", formula="‖UUᵀ − X*‖_F", doc="Distance to the unknown matrix."),
    Channel(name="signal_error", label="signal part", formula="‖SSᵀ − Σ‖_F", doc="Error inside the true column space."),
    Channel(
        name="cross_error",
        label="cross part",
        formula="√2 ‖SEᵀ‖_F",
        doc="Error between the true column space and the rest.",
    ),
    Channel(
        name="residual_error",
        label="residual part",
        formula="‖EEᵀ‖_F",
        doc="Error in directions that the truth does not use: over-parameterisation lives here.",
    ),
    Channel(
        name="signal_min",
        label="weakest signal",
        formula="λ_min(SSᵀ) / σᵣ",
        doc="How much of the weakest true direction is learned; 1 when all of it is.",
    ),
    Channel(
        name="residual_norm",
        label="residual ‖G‖",
        formula="‖G‖₂, G = E(I − P)",
        doc="Size of the directions that are not needed. A small start keeps it small until the steps are spent.",
    ),
    Channel(
        name="misalignment",
        label="misalignment ‖F‖",
        formula="‖F‖_F, F = EP",
        doc="How far the learned subspace is turned: large at the moment of learning, then it vanishes.",
    ),
    Channel(
        name="tangent", label="tangent of the angle", formula="‖E S⁺‖₂", doc="Of the learned to the true subspace."
    ),
    Channel(
        name="phi",
        label="pull towards the truth",
        formula="⟨Q, Δ⟩/‖Δ‖_F",
        doc="Length of the sub-gradient along the error. Outliers shorten it and never turn it away.",
        log=False,
    ),
    Channel(
        name="direction_norm",
        label="norm of the direction",
        formula="‖Q‖₂",
        doc="Falls with each component that is learned, down to the noise edge √(2d/m).",
    ),
    Channel(name="step_size", label="step size", formula="η_t", doc="What multiplies the direction."),
    Channel(
        name="normalised_step",
        label="normalised step",
        formula="η_t ‖Q‖₂",
        doc="How far an iteration moves; η₀ρᵗ for the geometric schedule.",
    ),
    Channel(
        name="rho",
        label="decay",
        formula="ρ = 1 − η₀/B",
        doc="What a step is of the one before; 1 for methods without a schedule.",
        log=False,
    ),
    Channel(
        name="spent",
        label="steps spent",
        formula="τ_t = Σ η‖Q‖",
        doc="The clock of learning: its limit is the budget B.",
        log=False,
    ),
    Channel(
        name="effective_rank",
        label="effective rank",
        formula="#{λ > 10⁻³ σᵣ}",
        doc="Eigenvalues of the iterate that count.",
        thin=True,
        log=False,
    ),
    Channel(
        name="signal_eigenvalues",
        label="learned eigenvalues",
        formula="λᵢ(SSᵀ)",
        doc="Inside the true column space: large ones are learned first.",
        dims=("component",),
    ),
    Channel(
        name="eigenvalues",
        label="eigenvalues of the iterate",
        formula="λᵢ(UUᵀ)",
        doc="The first r are the signal, the others must stay small.",
        dims=("mode",),
        thin=True,
    ),
    Channel(
        name="deviation",
        label="Sign-RIP along the path",
        formula="δ₁ = ‖Q − φΔ/‖Δ‖‖₂ / φ",
        doc="How far the sub-gradient is from pointing home; below 1 it does.",
        thin=True,
    ),
    Channel(
        name="flips",
        label="sign flips",
        formula="#{sign changes}/m",
        doc="Share of the residuals that one iteration turns around.",
        thin=True,
        log=False,
    ),
    Channel(
        name="residuals",
        label="residual",
        formula="⟨Aᵢ, UUᵀ⟩ − yᵢ",
        doc="Of the first 600 measurements.",
        dims=("measurement",),
        thin=True,
        log=False,
    ),
    Channel(
        name="data", label="measurement", formula="yᵢ", doc="As given.", dims=("measurement",), thin=True, log=False
    ),
    Channel(
        name="corrupted",
        label="outlier",
        formula="",
        doc="1 for an outlier, 0 for a clean measurement.",
        dims=("measurement",),
        thin=True,
        log=False,
    ),
    Channel(
        name="recovered",
        label="recovered UUᵀ",
        formula="UUᵀ",
        doc="Rows and columns in the order in which the truth looks smooth.",
        dims=("row", "column"),
        thin=True,
        log=False,
    ),
    Channel(
        name="truth",
        label="true X*",
        formula="X*",
        doc="The unknown matrix, in the same order.",
        dims=("row", "column"),
        thin=True,
        log=False,
    ),
)
