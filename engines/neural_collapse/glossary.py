"""Terms of art of neural collapse, two sentences each."""

from __future__ import annotations

from engines.core.protocol.declarations import Term

GLOSSARY = (
    Term(
        name="NC1",
        text="Spread within the classes against that between them, direction by direction. The weakest direction "
        "between the classes counts most in it; at collapse it is zero.",
        formula="(1/K) Tr(Σ_W Σ_B⁺)",
        forms=("NC1 by the pseudo-inverse", "pseudo-inverse"),
    ),
    Term(
        name="trace ratio",
        text="Spread within the classes against that between them, all directions together. Along the flow it "
        "provably falls, which NC1 need not.",
        formula="Tr Σ_W / Tr Σ_B",
    ),
    Term(
        name="frame",
        text="The arrangement of the class means that the least loss has: equally long and equally far apart. "
        "Without a bias it is an orthogonal frame, with one a simplex.",
        formula="MᵀM = ρ I",
        forms=("orthogonal frame",),
    ),
    Term(
        name="simplex",
        text="Means at equal angles as wide as possible, which add up to zero: a triangle of three classes, a "
        "tetrahedron of four. Here it is the frame where the classifier has a bias.",
        formula="cos(cᵢ, cⱼ) = −1/(K − 1)",
    ),
    Term(
        name="collapse",
        text="All samples of a class on one point, and these points on a frame. It is where the least loss is, and "
        "what training tends to.",
        formula="hₖᵢ = mₖ for every sample i of class k",
        forms=("collapsed", "close to collapse", "closer to collapse", "near collapse"),
    ),
    Term(
        name="flow",
        text="Gradient descent in infinitely small steps on free features, with the best classifier at every moment. "
        "It is the central path, to which a layer's answer is close.",
        formula="dH/dt = Wᵀ(Y − WH) − λ_H H",
        forms=("central path",),
    ),
    Term(
        name="layer",
        text="One proximal layer: the features that minimise the loss and stay near to its input. How strongly it "
        "holds on to that is β.",
        formula="H ← argmin loss + β‖H − H₀‖²",
        forms=("proximal layer", "proximal layers"),
    ),
    Term(
        name="span of the frame",
        text="The directions in which class means lie; features have others, out of it. Spread in the span dies "
        "faster than spread out of it.",
        formula="span(m₁, …, m_K)",
        forms=("in its span", "out of the span", "out of it"),
    ),
    Term(
        name="linear response",
        text="What is left of a small perturbation after a layer, as an exact linear map. Rotations of the frame come "
        "through whole.",
        formula="dH = F dH₀",
        forms=("first-order response", "response"),
    ),
    Term(
        name="minimiser",
        text="The features and the classifier of least loss. Where the product of the two decays is above one they "
        "are zero.",
        formula="H* = argmin loss",
        forms=("least loss",),
    ),
    Term(
        name="weight decay",
        text="A pull of all weights, or of free features, towards zero. Without it nothing keeps contracting once "
        "there is no error left.",
        formula="λ_W, λ_H",
        forms=("weight decays", "decay of the features", "decay"),
    ),
    Term(
        name="law of separation",
        text="Every layer of a trained network takes about the same factor off NC1. Over the depth that is a straight "
        "line on a logarithmic axis.",
        formula="NC1 ~ qˡ in layer l",
    ),
)
