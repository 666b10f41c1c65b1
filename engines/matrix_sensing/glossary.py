"""Terms of art of matrix sensing, two sentences each."""

from __future__ import annotations

from engines.core.protocol.declarations import Term

GLOSSARY = (
    Term(
        name="imbalance",
        text="The difference between the sizes of the two factors, direction by direction. Gradient descent conserves "
        "it, and it is what makes the convergence linear.",
        formula="Δ = FᵀF − GᵀG",
    ),
    Term(
        name="idle direction",
        text="A direction of the factors that the truth does not use. There are as many as there are columns too many, "
        "and the error is not gone before they are.",
        formula="k − r of them",
        forms=("idle directions", "idle part", "idle columns", "idle ones"),
    ),
    Term(
        name="symmetric",
        text="The model with one factor, which can only be positive semidefinite. It has no imbalance, so that idle "
        "directions die like 1/t only.",
        formula="XXᵀ",
    ),
    Term(
        name="asymmetric",
        text="The model with two factors of their own. Started with unequal sizes they have an imbalance, and the "
        "error falls geometrically.",
        formula="FGᵀ",
    ),
    Term(
        name="one modified step",
        text="The lift: one step that sets the singular values of F to β without moving the product. From then on the "
        "rate does not depend on the size of the start.",
        formula="F ← βA, G ← GBS/β",
        forms=("lift", "modified step"),
    ),
    Term(
        name="local rate",
        text="How fast the logarithm of the error falls just now, measured over the last third of the steps. On "
        "semilog axes it is the slope of the curve.",
        formula="−d ln ‖E‖/dt",
    ),
    Term(
        name="preconditioned",
        text="Said of methods that rescale each step by the shape of the factors. They hardly notice a large condition "
        "number.",
        formula="F ← F − η R G (GᵀG)⁻¹",
    ),
    Term(
        name="sharpness",
        text="The largest curvature of the loss where the run is. Gradient descent is stable while the step size times "
        "it stays below two.",
        formula="η(‖F‖₂² + ‖G‖₂²) < 2",
    ),
    Term(
        name="Gaussian measurements",
        text="Inner products of the unknown matrix with random ones. With enough of them the loss sees almost what the "
        "error is.",
        formula="yᵢ = ⟨Aᵢ, M⟩",
    ),
    Term(
        name="noise",
        text="Random errors of the measurements. Wider factors fit more of it, once the signal is fitted.",
        formula="yᵢ = ⟨Aᵢ, M⟩ + εᵢ",
    ),
)
