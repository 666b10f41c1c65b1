"""Terms of art of robust recovery, two sentences each."""

from __future__ import annotations

from engines.core.protocol.declarations import Term

GLOSSARY = (
    Term(
        name="sub-gradient",
        text="The direction in which a loss with kinks falls, here made of the signs of the residuals alone. "
        "An outlier has one vote in it, however large it is.",
        formula="Q = (1/m) Σ sign(resᵢ) sym(Aᵢ)",
        forms=("sub-gradient method",),
    ),
    Term(
        name="budget",
        text="The total length of all normalised steps that a run will ever take. It has to last until the weakest "
        "signal is learned, and to end before the outliers are.",
        formula="B = Σ η_t‖Q_t‖ = η₀/(1 − ρ)",
        forms=("budgets",),
    ),
    Term(
        name="search rank",
        text="The number of columns of U, the most that the rank of the answer can be. Nobody has to know the true "
        "rank where it does not matter.",
        formula="k ≥ r",
    ),
    Term(
        name="direction to spare",
        text="A column of U that the truth does not use. From a small start it grows, but more slowly than the signal.",
        formula="k − r of them",
        forms=("directions to spare", "spare directions", "columns to spare", "direction to spare"),
    ),
    Term(
        name="outlier",
        text="A measurement that says nothing about the truth. Outliers may be as large as they like and as many as "
        "any share below one, with measurements enough.",
        formula="p m of m measurements",
        forms=("outliers", "garbage"),
    ),
    Term(
        name="floor",
        text="The error at which a run stops falling, set by the start, by the noise, or by what is left of the "
        "budget. At a floor the steps are already too small to move anything.",
        formula="‖UUᵀ − X*‖ as t → ∞",
        forms=("floors",),
    ),
    Term(
        name="small start",
        text="A first iterate of size α far below the truth. What is learned then grows out of almost nothing, the "
        "true directions fastest.",
        formula="‖U₀‖ ~ α",
        forms=("small starts", "tiny start"),
    ),
    Term(
        name="spectral start",
        text="A start along the top eigenvectors of the data weighted by its signs. It is aligned with the truth "
        "before the first step, so that nothing else is in it.",
        formula="U₀ = α · eigenvectors of (1/m) Σ sign(yᵢ) Aᵢ",
    ),
    Term(
        name="Sign-RIP",
        text="The property that sub-gradients at all matrices of low rank point at the truth, up to a factor and a "
        "small error. Where it holds outliers cost speed, not accuracy.",
        formula="‖Q − φ Δ/‖Δ‖‖ ≤ δ φ",
    ),
    Term(
        name="strict saddle",
        text="A point at which the loss has a direction downhill although its slope is zero. With outliers the truth "
        "itself is one, and a run started beside it leaves.",
        formula="∇f = 0, λ_min(∇²f) < 0",
    ),
    Term(
        name="over-fitting",
        text="Explaining the data better than the truth does, by fitting its outliers. The loss falls below that of "
        "the truth and the error grows.",
        formula="f(U) < f(truth)",
        forms=("over-fit", "overfit"),
    ),
    Term(
        name="condition number",
        text="The largest over the smallest eigenvalue of the truth. The larger it is, the longer the weakest part "
        "waits.",
        formula="κ = σ₁/σᵣ",
    ),
)
