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
        formula="√(1 − Σuᵢ²/‖W_L … W₁‖²)",
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
        name="update_law",
        label="update by the map of the method",
        formula="c φ₅(sᵢ/‖G‖)",
        doc="What gradient descent, or Muon without momentum, makes of it, in closed form; no value of others. "
        "Factorisation.",
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
    Channel(
        name="risk",
        label="excess risk",
        formula="½ Σ λᵢ E(wᵢ − wᵢ*)²",
        doc="Expected loss on new samples, above the least: exactly, or of one sampled run. Quadratic.",
    ),
    Channel(
        name="risk_modes",
        label="excess risk of each direction",
        formula="½ λᵢ E(wᵢ − wᵢ*)²",
        doc="Flat directions are learned late, steep ones carry the noise. Quadratic.",
        dims=("eigenvalue",),
        thin=True,
    ),
    Channel(
        name="sharpness",
        label="sharpness",
        formula="λ_max(D H D), D = 1/√(√v̂ + ε) or 1",
        doc="Largest curvature, in the metric of the method where that has one. Edge of stability.",
        log=False,
    ),
    Channel(
        name="edge_ratio",
        label="sharpness over its threshold",
        formula="η λ_max / threshold",
        doc="1 at the edge: 2 for gradient descent, (2+2β)/(1−β) for Adam. Edge of stability.",
        log=False,
    ),
    Channel(
        name="oscillation",
        label="oscillation",
        formula="‖(w₋ − 2w + w₊)/4‖²",
        doc="The part of the iterates that changes its sign with every step. Edge of stability.",
    ),
    Channel(
        name="central_variance",
        label="variance of the central flow",
        formula="tr Σ",
        doc="How wide iterates hop by the central flow. Edge of stability, from the step on at which it was begun.",
    ),
    Channel(
        name="central_loss",
        label="loss by the central flow",
        formula="L + tr Σ/η",
        doc="Mean loss of iterates that hop about the central flow. Edge of stability, from the same step on.",
    ),
    Channel(
        name="central_distance",
        label="distance to the central flow",
        formula="‖(w₋ + 2w + w₊)/4 − w_c‖",
        doc="Distance of gradient descent, smoothed, from the flow that began where it was. Edge of stability.",
    ),
    Channel(
        name="gradient_distance",
        label="distance to the gradient flow",
        formula="‖(w₋ + 2w + w₊)/4 − w_g‖",
        doc="Distance of gradient descent, smoothed, from the flow that knows of no edge. Edge of stability.",
    ),
    Channel(
        name="residual",
        label="residual",
        formula="xy − c; of the valley x",
        doc="What is fitted. Edge of stability, with two parameters.",
        log=False,
    ),
    Channel(
        name="length",
        label="squared length",
        formula="x² + y²; of the valley u",
        doc="The curvature where the residual is 0. Edge of stability, with two parameters.",
        log=False,
    ),
    Channel(
        name="score",
        label="loss at the horizon",
        doc="Training loss when the schedule has ended: what a race is judged by. No value before. Network.",
    ),
    Channel(
        name="train_loss",
        label="training loss",
        doc="Mean cross-entropy of all training images. Network.",
        thin=True,
    ),
    Channel(
        name="test_error",
        label="test error",
        doc="Share of the test images that are misread. Network.",
        thin=True,
        log=False,
    ),
)

ACTIONS = (
    Action(
        name="decay",
        label="Decay from here",
        doc="Let the step size fall to zero at the horizon, from the current step on (of the schedule with a decay).",
        knob="decay_start",
    ),
    Action(
        name="flows",
        label="Flows from here",
        doc="Follow the central flow and the gradient flow from the current step on, beside gradient descent.",
        knob="flow_start",
    ),
)
