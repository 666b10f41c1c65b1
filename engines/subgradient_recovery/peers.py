"""What each method beside the sub-gradient method does, in a formula and a sentence or two."""

from __future__ import annotations

SQUARES = (
    "U ← U − (2η/m) Σ resᵢ sym(Aᵢ) U",
    "Least squares weighs a measurement by its residual.",
)

PEERS = {
    "gd": (
        "U ← U − (2η/m) Σ ψ(resᵢ) sym(Aᵢ) U",
        "Gradient descent with a constant step. Huber's loss bounds the weight of an outlier, but not its bias.",
    ),
    "polyak": (
        "η = (f − f_true)/‖D‖²",
        "Polyak's step needs to know the loss at the truth. At k = r it converges in tens of steps; with columns to "
        "spare it crawls.",
    ),
    "scaled_sm": (
        "Z = D(UᵀU)⁻¹",
        "Dividing by the Gram matrix of U makes the speed independent of the condition number; it is singular for "
        "k > r.",
    ),
    "opsa": ("Z = D(UᵀU + μI)⁻¹", "Damping keeps the division possible for k > r; a constant μ slows the end."),
    "opsa_gap": (
        "Z = D(UᵀU + c(f − f_true)I)⁻¹",
        "A damping that falls with the loss is the fastest here, and needs to know the loss at the truth.",
    ),
    "trimmed": (
        "drop the largest |resᵢ|, then least squares",
        "Works when the share that is dropped is at least the share of outliers, which has to be known. At k > r it "
        "needs a small start as well.",
    ),
    "median": (
        "keep |resᵢ| ≤ c · median, then least squares",
        "Needs fewer than half of the measurements to be outliers, but not their share. At k > r it needs a small "
        "start as well.",
    ),
    "prox_linear": (
        "H = argmin (1/m)|A(UUᵀ + UHᵀ + HUᵀ) − y|₁ + μ‖H‖²",
        "Each step solves a convex problem: quadratic convergence, at a cost of (dk)² a measurement.",
    ),
    "dop": (
        "s = g² − h², least squares in U, g and h",
        "The outliers get factors of their own; the ratio of the two speeds has to be tuned by hand.",
    ),
}
