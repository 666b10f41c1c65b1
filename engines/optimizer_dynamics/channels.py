"""Channels that a run records. Every scene returns all of them; where one has no value its doc says in which it has."""

from __future__ import annotations

from engines.core.protocol.declarations import Action, Channel

CHANNELS = (
    Channel(
        name="loss",
        label="loss",
        formula="f",
        doc="What is minimised, without noise, at the point that counts.",
    ),
    Channel(name="rate", label="step size", formula="η · schedule", doc="The step size of the next step."),
    Channel(
        name="distance",
        label="distance from the start",
        formula="‖x − x₀‖",
        doc="How far it has come.",
    ),
    Channel(
        name="d_estimate",
        label="estimated distance",
        formula="d",
        doc="What a method without a step size believes the distance to the minimiser to be. No value for the others.",
    ),
    Channel(
        name="modes",
        label="strength of the modes",
        formula="uᵢ = uᵢᵀ W_L … W₁ vᵢ",
        doc="The product in the singular directions of the target. Factorisation.",
        dims=("mode",),
        log=False,
    ),
    Channel(
        name="half_time",
        label="half time",
        formula="first t with uᵢ ≥ sᵢ/2",
        doc="When each mode was half learned; no value before. Factorisation.",
        dims=("mode",),
    ),
    Channel(
        name="half_time_law",
        label="half time by the law",
        doc="The law in closed form; no value where there is none. Factorisation.",
        dims=("mode",),
    ),
    Channel(
        name="target",
        label="singular values of the target",
        formula="sᵢ",
        doc="What the modes grow to. Factorisation.",
        dims=("mode",),
    ),
    Channel(
        name="share_off",
        label="share off the modes",
        formula="(1 − Σuᵢ²/‖W_L … W₁‖²)^½",
        doc="Share of the product that lies outside the target's singular directions. Factorisation.",
    ),
    Channel(
        name="update_spectrum",
        label="update along the gradient's directions",
        formula="aᵢᵀ u bᵢ, u = −ΔW₁/η, G = Σ sᵢ aᵢbᵢᵀ",
        doc="What the method makes of each singular value of the gradient of the first factor. Factorisation.",
        dims=("direction",),
        thin=True,
    ),
    Channel(
        name="gradient_spectrum",
        label="singular values of the gradient",
        formula="sᵢ(G)/‖G‖",
        doc="The gradient of the first factor, over its Frobenius norm. Factorisation.",
        dims=("direction",),
        thin=True,
    ),
    Channel(
        name="factor_spectrum",
        label="singular values of the first factor",
        formula="sᵢ(W₁)",
        doc="Weight decay caps them. Factorisation.",
        dims=("direction",),
        log=False,
        thin=True,
    ),
)

ACTIONS = (
    Action(
        name="decay",
        label="Decay from here",
        doc="Let the step size fall to zero at the horizon, from the current step on (schedule wsd).",
        knob="decay_start",
    ),
)
