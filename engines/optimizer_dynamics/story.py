"""Explanation of a run in words with its own numbers, and the moments that the theory names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engines.core.methods.names import METHOD_LABELS
from engines.core.protocol.declarations import Phase, Story
from engines.core.protocol.engine import RunData
from engines.optimizer_dynamics import laws, risk
from engines.optimizer_dynamics.config import OptimizerDynamics
from engines.optimizer_dynamics.learning_rate_schedules import SCHEDULE_LABELS
from engines.optimizer_dynamics.predictions import CENTRAL, threshold
from engines.optimizer_dynamics.verdicts.race import trial_losses

WHY = {
    "gd": ("t ≈ ln(s/u₀ − 1) / 2ηs", "A mode grows at a rate proportional to its singular value."),
    "heavy_ball": ("t ≈ ln(s/u₀) / 2 ln z₊", "Momentum speeds every mode up, the fast ones most."),
    "nesterov": ("t ≈ ln(s/u₀) / 2 ln z₊", "Momentum speeds every mode up, the fast ones most."),
    "muon": (
        "t ≈ ((s/2)^{1/L} − u₀^{1/L}) / η",
        "Singular values of the update are made equal, so that factors grow at one speed.",
    ),
    "sign": ("t ≈ ((s/2)^{1/L} − u₀^{1/L}) / η", "Every entry moves by η; in a rotated basis modes mix."),
    "adam": ("t ≈ 0.455 √s / η", "Every entry moves at nearly one speed; in a rotated basis modes mix."),
    "soap": ("t ≈ 0.455 √s / η", "It is Adam in the gradient's own basis."),
    "shampoo": ("t ≈ s(½ + ln 2) / 16η²", "Summed Gram matrices slow each mode down by its own past."),
    "scaled_gd": ("t ≈ ln 2 / 2η", "Divided by its own Gram matrix every mode moves at nearly the same rate."),
}  # fmt: skip
"""Half times by the law of each method with two factors, and what makes them so."""

PLAIN = ("½‖W_L … W₁ − M‖²", "Each singular value of the target is one mode.")

WAITS = "A mode grows at a rate that is proportional to its singular value, and to its own strength: plateaus are long."

DEEP = {
    "gd": ("t ≈ u₀^{2/L − 1} / ((L − 2) ηs)", WAITS),
    "heavy_ball": ("t ≈ (1 − β) u₀^{2/L − 1} / ((L − 2) ηs)", f"{WAITS} Momentum shortens them."),
    "nesterov": ("t ≈ (1 − β) u₀^{2/L − 1} / ((L − 2) ηs)", f"{WAITS} Momentum shortens them."),
    "adam": (PLAIN[0], "Every entry moves at nearly one speed; in a rotated basis modes mix."),
    "soap": (PLAIN[0], "It is Adam in the gradient's own basis."),
    "shampoo": (PLAIN[0], "Summed Gram matrices slow each mode down by its own past."),
}
"""Half times with more than two factors, where they are others; small starts wait long."""

TOGETHER = 1.1
"""Ratio of the last half time to the first up to which modes come together."""

REFERENCE = "K. Wen, D. Hall, T. Ma, P. Liang 2025 (arXiv 2509.02046); laws derived here"


def named(config: OptimizerDynamics) -> str:
    """Name the method at the beginning of a sentence."""
    name = METHOD_LABELS[config.method] + f" {config.own_method}" * (config.method == "own" and config.own_method != "")
    return name[:1].upper() + name[1:]


def without_law(story: Story) -> Story:
    """Add to the story of an own method that nothing is foretold of it."""
    return replace(story, text=f"{story.text} No law is known of your method, and none is drawn.")


def factorisation_story(run: RunData, member: int) -> Story:
    """Tell in which order the modes were learned, and how close the law comes."""
    config = run.configs[member]
    deep = DEEP.get(config.method) if config.depth > 2 else None
    formula, text = deep or WHY.get(config.method, PLAIN)
    if config.method == "scaled_gd" and config.damping:
        text = f"It divides by its own Gram matrix plus {config.damping:g}: smaller factors feel plain descent."
    if config.method == "muon" and config.weight_decay:
        text += f" Weight decay stops the singular values of factors {_decay_cap(config)}."
    return Story(
        formula=formula,
        text=f"**{named(config)}.** {text} {_half_times(run, member)}",
        reference=f"{REFERENCE}. In float64, on {run.device}.",
    )


def _decay_cap(config: OptimizerDynamics) -> str:
    """Say where decay holds what Muon makes grow: the size of its update, by its scale, over the decay."""
    factors = laws.scales(config)
    low, high = (1.0, 1.0) if config.orthogonalise == "polar" else laws.GAINS
    low, high = low * min(factors) / config.weight_decay, high * max(factors) / config.weight_decay
    return f"at **{low:.3g}**" if low == high else f"between **{low:.3g}** and **{high:.3g}**"


def _half_times(run: RunData, member: int) -> str:
    if not len(run):
        return ""
    half, law = run["half_time"][-1, member], run["half_time_law"][-1, member]
    values = run.configs[member].values
    learned = [f"s = {s:g} at **{t:.0f}**" + (f" (law {x:.0f})" if np.isfinite(x) else "")
               for s, t, x in zip(values, half, law, strict=True) if np.isfinite(t)]  # fmt: skip
    if not learned:
        return "No mode is half learned yet."
    return f"Half learned: {', '.join(learned)}.{_order(values, half)}"


def _order(values: np.ndarray, half: np.ndarray) -> str:
    """Say in which order modes were half learned, of those that are; "" of less than two sizes."""
    by_size = [half[values == value].mean() for value in np.unique(values[np.isfinite(half)])]
    if len(by_size) < 2:
        return ""
    if max(by_size) <= TOGETHER * min(by_size):
        return " All came at nearly the same time."
    steps = np.diff(by_size)
    return (
        " Large ones came first."
        if (steps < 0).all()
        else (" Small ones came first." if (steps > 0).all() else " They came in no order of size.")
    )


def factorisation_phases(run: RunData, member: int) -> list[Phase]:
    """Mark when each mode should be half learned, or is where no law says it, and where the rate begins to fall."""
    config, phases = run.configs[member], []
    if len(run):
        half, law = run["half_time"][-1, member], run["half_time_law"][-1, member]
        for s, measured, predicted in zip(config.values, half, law, strict=True):
            foretold = bool(np.isfinite(predicted))
            at, what = (predicted, "should be half learned, by the law") if foretold else (measured, "is half learned")
            doc = f"The mode with the singular value {s:g} {what}."
            phases.append(Phase(step=float(at), label=f"s = {s:g}", doc=doc))
    phases = [phase for phase in phases if np.isfinite(phase.step)]
    return [START, *sorted([*phases, *_cut_phase(run, member), *decay_phase(config)], key=lambda phase: phase.step)]


def _cut_phase(run: RunData, member: int) -> list[Phase]:
    """Mark from when on all modes that are not half learned are below the cut of Newton–Schulz.

    The gradient of an aligned mode is `a^(L-1) (s - u)` with `a = u^(1/L)`; of random starts it is near it by then.
    """
    config = run.configs[member]
    if config.method != "muon" or config.orthogonalise == "polar" or not len(run):
        return []
    (steps, u), s = run.curve("modes", member), config.values
    gradient, waits = np.abs(u) ** (1 - 1 / config.depth) * np.abs(s - u), u < s / 2
    cut = laws.newton_schulz_cut(config.ns_steps)
    below = (gradient < cut * np.linalg.norm(gradient, axis=1, keepdims=True)) | ~waits
    left_behind = np.flatnonzero(below.all(1) & waits.any(1))
    if not len(left_behind):
        return []
    first = left_behind[0]
    names = " and ".join(f"s = {value:g}" for value in s[waits[first]])
    doc = f"What is left, {names}, is below 1/{1 / cut:.0f} of the gradient: Newton–Schulz makes it wait for the rest."
    return [Phase(step=float(steps[first]), label="left behind", doc=doc)]


START = Phase(step=0, label="start", doc="Everything is where it was put.")


def decay_phase(config: OptimizerDynamics) -> list[Phase]:
    """Mark where the schedule with a decay at its end begins to fall."""
    if config.schedule != "wsd":
        return []
    start = config.decay_start if config.decay_start >= 0 else config.horizon * (1 - config.decay_fraction)
    return [Phase(step=float(start), label="decay", doc="The step size falls to zero from here on.")]


def phases(run: RunData, member: int) -> list[Phase]:
    """Mark the start, and where the step size begins to fall."""
    return [START, *decay_phase(run.configs[member])]


def quadratic_story(run: RunData, member: int) -> Story:
    """Tell what the rate is worth: how far it is from the largest stable one, and where it ends."""
    config = run.configs[member]
    if config.sampling == "exact":
        near = "nearly: Adam's own scales are at their mean" if config.method == "adam" else "exactly"
        how = f"No sample is drawn: the second moments of all errors are followed {near}."
    else:
        mean = "near the mean" if config.method == "adam" else "the exact mean"
        how = "One run of drawn samples" + f"; the dashed line is {mean} of all such runs" * risk.is_known(config) + "."
    text = f"**{named(config)}**, {SCHEDULE_LABELS[config.schedule]}. {how} {_rate(config)}"
    if len(run):
        text += f" Excess risk now: **{run['risk'][-1, member]:.3g}**."
    return Story(formula="R = ½ Σ λᵢ E(wᵢ − wᵢ*)²", text=text, reference=f"{SCHEDULER}. In float64, on {run.device}.")


SCHEDULER = "Y. Shen et al. 2024 (arXiv 2408.13359); recursions derived here"


def _rate(config: OptimizerDynamics) -> str:
    """Say where the risk ends; of a rate that falls, what that is for."""
    if config.schedule == "linear" and config.noise and config.method != "own":
        return "The rate falls to zero and lets go of the noise that a constant one keeps."
    plain = config.schedule == "constant" and config.average == "none"
    if config.method not in risk.STEADY or not plain or (config.weight_decay and config.sampling == "sampled"):
        return ""
    top, floor = risk.largest_rate(config), risk.noise_floor(config)
    if not np.isfinite(floor):
        return f"The rate is above **{top:.3g}**, the largest that is stable."
    end = f"the risk ends at **{floor:.3g}**, kept up by noise" if floor else "the risk falls to zero without noise"
    return f"Stable below η = **{top:.3g}**; at this rate {end}."


def line_story(run: RunData, member: int) -> Story:
    """Tell how fast the estimate of the distance grows."""
    config = run.configs[member]
    text = f"**{named(config)}.** The gradient is the same all the way to the minimiser."
    if config.method == "dog":
        text += " The law is e^{2√t}/√t times the first guess: faster than any power, slower than any exponential."
    text += _growth(run, member)
    if len(run):
        text += f" It has come **{run['distance'][-1, member]:.3g}** of {config.goal:g}."
    return Story(formula="f = |x − D|", text=text, reference=f"{FREE}. In float64, on {run.device}.")


def _growth(run: RunData, member: int) -> str:
    """Say by which factor the estimate grew from one step to the next while it was far from the goal."""
    config, law = run.configs[member], {"dadapt_sgd": "√3", "dowg": "1.839"}.get(run.configs[member].method, "")
    steps, d = run.curve("d_estimate", member)
    far = np.flatnonzero((d[1:] < config.goal / 2) & (d[1:] > d[:-1]) & (np.diff(steps) == 1)) if len(d) > 1 else []
    if not len(far):
        return ""
    at, plain = int(far[-1]), config.eta == 1 and config.schedule == "constant" and not config.beta1
    law_text = f" (law {law})" if law and plain and config.growth_rate > 2 else ""
    return f" On the way its estimate grew **{d[at + 1] / d[at]:.4g}** times a step{law_text}."


FREE = "P. Kasimbeg et al. 2025 (arXiv 2505.24005); growth derived here"


def edge_phases(run: RunData, member: int) -> list[Phase]:
    """Mark where the sharpness first crosses its threshold."""
    named = phases(run, member)
    if not len(run):
        return named
    steps, edge = run.curve("edge_ratio", member)
    over = np.flatnonzero(edge >= 1)
    return [*named, Phase(step=float(steps[over[0]]), label="edge", doc=BEYOND)] if len(over) and over[0] else named


BEYOND = "The sharpness has come to its threshold: from here on the iterates hop from side to side."


def edge_story(run: RunData, member: int) -> Story:
    """Tell where the sharpness is, against the threshold of the method, and what happened at it."""
    config = run.configs[member]
    limit = threshold(config)
    what = {
        "product": "Two parameters, whose sharpness is their squared length where they fit.",
        "valley": "The curvature rises by itself, and swings push it back.",
        "network": "Training sharpens the loss.",
    }[config.model]
    text = f"**{named(config)}.** {what}"
    if limit:
        text += f" Its steps are stable up to a sharpness of {limit:.3g}/η = **{limit / config.eta:.3g}**."
    if len(run):
        text += f" Now: **{run['sharpness'][-1, member]:.3g}**.{_at_the_edge(run, member)}"
    formula = f"η λ_max ≤ {limit:.3g}" if limit else "η λ_max"
    return Story(formula=formula, text=text, reference=f"{CENTRAL}. In float64, on {run.device}.")


def _at_the_edge(run: RunData, member: int) -> str:
    """Say what became of a run whose sharpness came to its threshold, or began beyond it."""
    config = run.configs[member]
    steps, edge = run.curve("edge_ratio", member)
    over = np.flatnonzero(edge >= 1)
    if not len(over):
        return ""
    rose = " The loss rose at first." if len(edge) > 1 and run["loss"][1, member] > run["loss"][0, member] else ""
    if config.model == "product":
        return rose + (" It has landed below the threshold, where the loss is flatter." if edge[-1] < 1 else "")
    first = int(steps[over[0]])
    begun = f"It came to the threshold at step {first}" if first else "It began beyond the threshold"
    late = np.median(edge[(steps >= first) & (steps >= steps[-1] / 2)])
    return f"{rose} {begun}; the sharpness of late is **{late:.3g}** of it."


def network_story(run: RunData, member: int) -> Story:
    """Tell what the run is judged by, and where it is."""
    config = run.configs[member]
    text = (
        f"**{named(config)}** at η = {config.eta:g}, {SCHEDULE_LABELS[config.schedule]}, for {config.horizon} steps. "
        "A race counts at the end of the schedule, at the best rate of each method; Adam has as many trials as any."
    )
    trials = len(trial_losses(run, config.method, config.horizon))
    text += f" This method has **{trials}** of them in this budget." * (trials > 1)
    if len(run):
        score = run["score"][-1, member]
        text += (
            f" Loss at the horizon: **{score:.3g}**."
            if np.isfinite(score)
            else (f" Loss of all images now: **{run['train_loss'][-1, member]:.3g}**.")
        )
    return Story(formula="speed-up = T_Adam(loss) / T", text=text, reference=f"{RACE}. In float32, on {run.device}.")


RACE = "K. Wen, D. Hall, T. Ma, P. Liang 2025 (arXiv 2509.02046)"
