"""Terms of art of the loss landscape, two sentences each."""

from __future__ import annotations

from engines.core.protocol.declarations import Term

GLOSSARY = (
    Term(
        name="effective parameters",
        text="How many directions in the space of parameters a level of the loss can tell apart. The others are free, "
        "as if the network had fewer parameters.",
        formula="N_eff(b) = Σ bh/(bh + γ)",
        forms=("soft rank",),
    ),
    Term(
        name="level",
        text="A height of the loss above its minimum that counts as the same. The larger the inverse temperature b, "
        "the finer it is.",
        formula="1/b",
        forms=("level b", "finite level", "loss level"),
    ),
    Term(
        name="free direction",
        text="A direction in which parameters move and the network's outputs do not. It is a zero eigenvalue of the "
        "Hessian, a zero mode.",
        formula="Ju = 0",
        forms=("free directions", "zero mode", "zero modes", "free axes"),
    ),
    Term(
        name="learning coefficient",
        text="Half the number of parameters that the loss sees, found by sampling around a minimum. It is smaller "
        "where the minimum is degenerate.",
        formula="λ̂ = b (⟨L⟩ − L(w*))",
        forms=("coefficient", "coefficients"),
    ),
    Term(
        name="chain",
        text="A walk through the parameters that visits each as often as its loss is low. Many of them together "
        "estimate means over the landscape.",
        formula="w ~ exp(−bL(w))",
        forms=("chains",),
    ),
    Term(
        name="Langevin steps",
        text="Steps downhill with noise added. They sample the right distribution only as the step size goes to zero.",
        formula="w ← w − (ε/2)∇ + √ε ξ",
        forms=("Langevin", "plain steps"),
    ),
    Term(
        name="MALA",
        text="Langevin steps that are accepted or refused so that no bias is left. High acceptance is no proof that "
        "the chains have been everywhere.",
        formula="accept w′ with min(1, p(w′)q(w)/p(w)q(w′))",
    ),
    Term(
        name="Gibbs' sampler",
        text="A chain that draws one layer of a linear map at a time, exactly. It needs no step size.",
        formula="W_l ~ p(W_l | all others)",
        forms=("Gibbs",),
    ),
    Term(
        name="burn-in",
        text="The first steps of chains, which still remember where they began. They are left out of every mean.",
        formula="t ≤ t₀",
    ),
    Term(
        name="grokking",
        text="Understanding long after memorising: the test accuracy rises when the training accuracy has been perfect "
        "for a while. Weight decay is what drives it.",
        formula="t(test) ≫ t(train)",
        forms=("groks", "grok", "generalises", "generalised", "generalise"),
    ),
    Term(
        name="synchronised",
        text="Said of neurons that fire on the same samples. They can be exchanged without any change of the outputs.",
        formula="gᵢ(x) = gⱼ(x) for every x",
        forms=("fire together", "synchronised neurons"),
    ),
    Term(
        name="gates",
        text="Which of its neurons a ReLU network has switched on, for each sample. Inside one pattern it is linear.",
        formula="g(x) = 1 where Wx > 0",
        forms=("nested gates", "gate"),
    ),
    Term(
        name="superposition",
        text="More features than dimensions, kept at angles that disturb one another little. Five of them share a "
        "plane as a pentagon.",
        formula="f(x) = relu(WᵀW x + b)",
    ),
    Term(
        name="interaction basis",
        text="Directions of each layer chosen so that as few as possible act on one another. In it the modules of a "
        "network become visible.",
        formula="L ≈ Σ E_ij uᵢ uⱼ",
    ),
    Term(
        name="Hessian",
        text="The matrix of second derivatives of the loss. Its eigenvalues are the curvatures of the landscape.",
        formula="H = ∇²L",
    ),
    Term(
        name="bowl",
        text="The landscape around a minimum along two directions, seen from the side. A wide one is a flat minimum.",
        formula="L(θ + a d₁ + b d₂)",
    ),
    Term(
        name="types 1 and 2",
        text="Free directions of one layer: of weights on activations that depend on one another, and of neurons whose "
        "outputs do. Those of neurons that fire together come on top.",
        formula="A dW = 0 or dW G = 0",
        forms=("of types 1 and 2", "dependent activations", "dependent gradients"),
    ),
)
