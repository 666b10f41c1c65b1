"""Explanation of a run in words with its own numbers, and the moments that the theory names."""

from __future__ import annotations

import numpy as np

from engines.core.protocol.declarations import Phase, Story
from engines.core.protocol.engine import RunData
from engines.optimizer_dynamics.config import OptimizerDynamics

NAMES = {
    "gd": "Gradient descent", "heavy_ball": "The heavy ball", "nesterov": "Nesterov's momentum", "sign": "Sign descent",
    "lion": "Lion", "rmsprop": "RMSProp", "adam": "Adam", "muon": "Muon", "shampoo": "Shampoo",
    "shampoo_ema": "Shampoo with averages", "soap": "SOAP", "scaled_gd": "ScaledGD", "polyak": "Polyak's step",
    "dog": "DoG", "dowg": "DoWG", "dadapt_sgd": "D-Adaptation", "dadapt_adam": "D-Adaptation of Adam",
    "prodigy": "Prodigy", "schedule_free": "Schedule-Free", "schedule_free_adam": "Schedule-Free AdamW",
    "mechanic": "Mechanic",
}  # fmt: skip

ORDER = {
    "gd": ("t ≈ ln(s/u₀ − 1) / 2ηs", "A mode grows at a rate proportional to its singular value, so large modes come first."),
    "heavy_ball": ("t ≈ ln(s/u₀) / 2 ln z₊", "Momentum speeds every mode up, the fast ones most: large modes come first."),
    "nesterov": ("t ≈ ln(s/u₀) / 2 ln z₊", "Momentum speeds every mode up, the fast ones most: large modes come first."),
    "muon": (
        "t ≈ ((s/2)^(1/L) − u₀^(1/L)) / η",
        "Every singular value of the update is made equal, so all factors grow at one speed: small modes are done first.",
    ),
    "sign": (
        "t ≈ ((s/2)^(1/L) − u₀^(1/L)) / η",
        "Every entry moves by η. In the basis of the target all modes grow at one speed; in another one they mix.",
    ),
    "adam": (
        "t ≈ 0.455 √s / η",
        "Every entry moves at nearly one speed. In the basis of the target small modes are done first; in another one "
        "they mix.",
    ),
    "soap": ("t ≈ 0.455 √s / η", "Adam in the gradient's own basis: small modes are done first in every basis."),
    "shampoo": (
        "t ≈ s(½ + ln 2) / 16η²",
        "Summed Gram matrices slow each mode down by its own past: small modes first, the time proportional to s.",
    ),
    "scaled_gd": ("t ≈ ln 2 / 2η", "Divided by its own Gram matrix every mode moves at the same rate: all at once."),
}  # fmt: skip

REFERENCE = "K. Wen, D. Hall, T. Ma, P. Liang 2025 (arXiv 2509.02046); laws derived here"


def factorisation_story(run: RunData, member: int) -> Story:
    """Tell in which order the modes are learned, and how close the law comes."""
    config = run.configs[member]
    formula, text = ORDER.get(config.method, ("½‖W_L … W₁ − M‖²", "Each singular value of the target is one mode."))
    return Story(
        formula=formula,
        text=f"**{NAMES[config.method]}.** {text} {_half_times(run, member)}",
        reference=f"{REFERENCE}. In float64, on {run.device}.",
    )


def _half_times(run: RunData, member: int) -> str:
    if not len(run):
        return ""
    half, law = run["half_time"][-1, member], run["half_time_law"][-1, member]
    values = run.configs[member].values
    learned = [f"s = {s:g} at **{t:.0f}**" + (f" (law {x:.0f})" if np.isfinite(x) else "")
               for s, t, x in zip(values, half, law, strict=True) if np.isfinite(t)]  # fmt: skip
    if not learned:
        return "No mode is half learned yet."
    return f"Half learned: {', '.join(learned)}."


def factorisation_phases(run: RunData, member: int) -> list[Phase]:
    """Mark when each mode is half learned, and where the step size begins to fall."""
    config, found = run.configs[member], []
    if len(run):
        half = run["half_time"][-1, member]
        found = [Phase(step=float(t), label=f"s = {s:g}") for s, t in zip(config.values, half, strict=True)
                 if np.isfinite(t)]  # fmt: skip
    return [Phase(step=0, label="start"), *sorted([*found, *decay_phase(config)], key=lambda phase: phase.step)]


def decay_phase(config: OptimizerDynamics) -> list[Phase]:
    """Mark where the schedule wsd begins to decay."""
    if config.schedule != "wsd":
        return []
    start = config.decay_start if config.decay_start >= 0 else config.horizon * (1 - config.decay_fraction)
    return [Phase(step=float(start), label="decay")]
