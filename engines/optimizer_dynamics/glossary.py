"""Terms of art of optimiser dynamics, two sentences each."""

from __future__ import annotations

from engines.core.protocol.declarations import Term

GLOSSARY = (
    Term(
        name="mode",
        text="One singular direction of the target, with a strength of its own in the product of the factors. Aligned "
        "factors learn each mode by itself.",
        formula="uᵢ = uᵢᵀ W_L … W₁ vᵢ",
        forms=("modes",),
    ),
    Term(
        name="half time",
        text="The first step at which a mode has half its singular value. Over the singular values it tells in which "
        "order a method learns.",
        formula="uᵢ(t) ≥ sᵢ/2",
        forms=("half times",),
    ),
    Term(
        name="mode recursion",
        text="The method itself, on one number a mode and factor. Of aligned factors it is exact until a mode first "
        "crosses its singular value.",
        formula="g_i = u_i (u_i − s_i)/a_i, u_i = a_i^L",
    ),
    Term(
        name="excess risk",
        text="Expected loss on new samples, above the least that there is. Of noisy labels the least is not zero.",
        formula="½ Σ λᵢ E(wᵢ − wᵢ*)²",
    ),
    Term(
        name="schedule",
        text="How the step size falls while a run goes on. What counts is the end: on the way schedules that fall late "
        "look bad.",
        formula="η_t = η · s(t/T)",
    ),
    Term(
        name="sharpness",
        text="The largest curvature of the loss, in the metric of the method where that has one. A step is stable "
        "while it is below the threshold of the method.",
        formula="λ_max(∇²L)",
    ),
    Term(
        name="edge of stability",
        text="Where the sharpness is as large as the step size allows. Training comes there by itself, and stays.",
        formula="η λ_max = 2",
        forms=("edge",),
    ),
    Term(
        name="estimated distance",
        text="What a method without a step size believes the distance to the minimiser to be. It begins far too small "
        "and grows with what the gradients say.",
        formula="d ≤ ‖x₀ − x*‖",
    ),
)
