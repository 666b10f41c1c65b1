"""Channels that a run records, and what a reader can do to a run."""

from __future__ import annotations

from engines.core.protocol.declarations import Action, Channel

CHANNELS = (
    Channel(name="loss", label="training loss", formula="(1/2m) Σ (⟨Aᵢ, FGᵀ⟩ − yᵢ)²", doc="What the method minimises."),
    Channel(name="error", label="error", formula="‖FGᵀ − M‖_F", doc="Distance to the unknown matrix."),
    Channel(
        name="relative_error",
        label="relative error",
        formula="‖FGᵀ − M‖_F / ‖M‖_F",
        doc="Error against the size of the unknown matrix.",
    ),
    Channel(
        name="error_signal",
        label="signal part",
        formula="‖UVᵀ − Σ‖_F",
        doc="Error inside the true row and column spaces.",
    ),
    Channel(
        name="error_cross",
        label="cross part",
        formula="√(‖UKᵀ‖² + ‖JVᵀ‖²)",
        doc="Error between true and idle directions.",
    ),
    Channel(
        name="error_noise",
        label="idle part",
        formula="‖JKᵀ‖_F",
        doc="Error in directions that the truth does not use: over-parameterisation lives here.",
    ),
    Channel(
        name="signal_min",
        label="smallest signal",
        formula="min(σᵣ(U), σᵣ(V))",
        doc="How far the weakest true direction has grown.",
    ),
    Channel(
        name="noise_norm",
        label="idle size",
        formula="max(‖J‖₂, ‖K‖₂)",
        doc="Size of the factors outside the true spaces.",
    ),
    Channel(name="noise_left", label="idle size of F", formula="‖J‖₂", doc="Kept alive by the imbalance."),
    Channel(name="noise_right", label="idle size of G", formula="‖K‖₂", doc="Dies at a rate set by ‖J‖₂."),
    Channel(
        name="imbalance_min",
        label="smallest imbalance",
        formula="λ_min(FᵀF − GᵀG)",
        doc="Conserved up to η²: the fuel of linear convergence.",
        log=False,
    ),
    Channel(
        name="imbalance_drift",
        label="drift of the imbalance",
        formula="‖Δ_t − Δ₀‖ / ‖Δ₀‖",
        doc="How well the conservation law holds.",
    ),
    Channel(
        name="factor_min",
        label="smallest factor eigenvalue",
        formula="λ_min(FᵀF)",
        doc="η times this is the predicted tail rate of the asymmetric model.",
    ),
    Channel(
        name="effective_rank",
        label="effective rank",
        formula="exp(−Σ p ln p), p = s/Σs",
        doc="Number of directions that the iterate uses.",
        log=False,
    ),
    Channel(
        name="stable_rank",
        label="stable rank",
        formula="‖FGᵀ‖²_F / ‖FGᵀ‖²₂",
        doc="Effective rank that ignores small values.",
        log=False,
    ),
    Channel(
        name="counted_rank",
        label="counted rank",
        formula="#{s > 10⁻³ s₁}",
        doc="Singular values above a thousandth of the largest.",
        log=False,
    ),
    Channel(
        name="subspace_angle",
        label="subspace angle",
        formula="‖(I − U*U*ᵀ) Qᵣ‖₂",
        doc="Sine of the largest angle to the true column space.",
    ),
    Channel(
        name="alignment",
        label="alignment",
        formula="‖U*ᵀF‖² / ‖F‖²",
        doc="Share of F inside the true column space.",
        log=False,
    ),
    Channel(
        name="sharpness",
        label="step times sharpness",
        formula="η(‖F‖₂² + ‖G‖₂²)",
        doc="Gradient descent is stable below 2.",
        log=False,
    ),
    Channel(
        name="lifted_at",
        label="step of the lift",
        formula="T₃",
        doc="When the one-step method made its step; −1 before.",
        log=False,
    ),
    Channel(
        name="singular_values",
        label="singular values of the iterate",
        formula="sᵢ(FGᵀ)",
        doc="The largest are learned first.",
        dims=("mode",),
    ),
    Channel(
        name="factor_spectrum",
        label="factor eigenvalues",
        formula="λᵢ(FᵀF)",
        doc="The smallest sets the tail rate.",
        dims=("mode",),
    ),
    Channel(
        name="imbalance_spectrum",
        label="imbalance eigenvalues",
        formula="λᵢ(FᵀF − GᵀG)",
        doc="Conserved up to η².",
        dims=("mode",),
        log=False,
    ),
    Channel(
        name="iterate",
        label="iterate in the basis of the truth",
        formula="[U*, Q_J]ᵀ FGᵀ [V*, Q_K]",
        doc="Signal block at the top left, idle directions after it.",
        dims=("row", "column"),
        thin=True,
        log=False,
    ),
)

ACTIONS = (
    Action(
        name="lift",
        label="Lift now",
        doc="Apply the one modified step at the current step (one-step method).",
        knob="lift_at",
    ),
)
