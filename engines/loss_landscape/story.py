"""Story of a run: formula, sentences with its numbers, reference."""

from __future__ import annotations

from math import isfinite

from engines.core.protocol.declarations import Story
from engines.core.protocol.engine import RunData
from engines.core.protocol.errors import DynascopeError
from engines.core.subjects import named_subjects
from engines.loss_landscape import predictions
from engines.loss_landscape.channels import REASONS
from engines.loss_landscape.config import LABELLED, LossLandscape
from engines.loss_landscape.dynamics import milestones
from engines.loss_landscape.models.own_model import MAX_ROWS

PAPER = "Bushnaq et al. 2024 (arXiv 2405.10927)"
LAU = "Lau et al. 2023 (arXiv 2308.12108)"

TRAINED = "N_eff(b) = Σ bh/(bh + 1)"
SAMPLED = "λ̂ = b (⟨L⟩ − L(w*)), w ~ exp(−bL(w) − γ‖w − w*‖²/2)"
SAID = ("of types 1 and 2", "more in single layers", "across layers", "without a reason")
"""Words for `REASONS` inside a sentence."""

GONE = 1e-6
"""Share of their first size at which weights are said to have decayed to nothing."""

SUPERPOSED = "f(x) = relu(WᵀW x + b)"
BOXED = "N_eff(ε) = 2 d log V/d log ε"


def story(run: RunData, member: int) -> Story:
    """Story of one member."""
    config = run.configs[member]
    if config.sampled:
        text = _box(run, member, config) if config.boxed else _own_model(config) + _chains(run, member, config)
        return Story(formula=BOXED if config.boxed else SAMPLED, text=text, reference=f"{LAU}. In float64.")
    formula = SUPERPOSED if config.subject == "superposition" else TRAINED
    return Story(
        formula=formula,
        text=_own_model(config) + _training(run, member, config),
        reference=f"{PAPER}. In float64, on {run.device}.",
    )


def _own_model(config: LossLandscape) -> str:
    """Describe a person's own model; "" for another subject, and for one that is not here any more."""
    if config.subject != "own_model":
        return ""
    try:
        own = named_subjects.find(config.model)
    except DynascopeError:
        return ""
    most = f", of which the lab takes the first **{MAX_ROWS:,}**" if own.train.n > MAX_ROWS else ""
    notes = "".join(f" {note[0].upper()}{note[1:]}." for note in own.notes)
    return f"Your model, {own.name}, has **{own.P:,}** parameters and **{own.train.n:,}** samples{most}.{notes} "


def _training(run: RunData, member: int, config: LossLandscape) -> str:
    parts = [
        _learned(run, member) if config.subject in LABELLED else f"The loss is **{_last(run, member, 'loss'):.3g}**."
    ]
    counts = run["effective_parameters"][:, member] if len(run.recording.series("effective_parameters")) else []
    if len(counts) and isfinite(counts[-1]):
        parts.append(
            f"Of its parameters, the loss at the level b = {config.n_beta:g} saw **{counts[0]:.0f}** at the start and "
            f"**{max(counts):.0f}** at the most; it sees **{counts[-1]:.0f}** now."
        )
    norms = run["weight_norm"][:, member] if len(run) else [1.0]
    if norms[-1] < GONE * norms[0]:
        parts.append(
            f"**Weight decay has taken the weights**, to {norms[-1] / norms[0]:.1g} of their size: what the network "
            f"puts out hardly depends on the sample. Counts are of what is left, scaled up, and 0 once nothing is."
        )
    parts.append("What no level sees is free: the probe on degeneracy counts it exactly and says why.")
    return " ".join(parts)


def _learned(run: RunData, member: int) -> str:
    trained, test = _last(run, member, "accuracy"), _last(run, member, "test_accuracy")
    memorised, generalised = milestones.memorised(run, member), milestones.grokked(run, member)
    parts = [f"It is right on **{trained:.1%}** of what it is trained on and on **{test:.1%}** of what it never saw."]
    if memorised is not None and generalised is not None and generalised > memorised:
        parts.append(f"It had memorised at step {memorised:.0f} and generalised at step **{generalised:.0f}**.")
    elif memorised is not None and generalised is None:
        parts.append(f"It had memorised at step {memorised:.0f}; it does not generalise yet.")
    return " ".join(parts)


def _chains(run: RunData, member: int, config: LossLandscape) -> str:
    value, error = _last(run, member, "llc"), _last(run, member, "llc_error")
    counted = len(run) and run.steps[-1] > config.burn_in
    estimate = f"**{value:.4g} ± {error:.2g}**" if counted else f"{value:.3g} at this step; burn-in is not over"
    laws = [law for law in predictions.laws(config) if not law.broken]
    theory = [f"{law.label}: {law.at(run.steps[-1:])[0] if counted else law.value:.4g}" for law in laws]
    theory_text = f" Theory: {'; '.join(theory)}." if theory else ""
    return (
        f"{config.chains} chains sample the loss around its minimum. It stays above it by λ/b, where λ, half the "
        f"number of directions that it can see, is {estimate}; the error is that of the noise, and does not see the "
        f"bias of the step size.{theory_text} {_reasons(run, member)}"
    )


def _reasons(run: RunData, member: int) -> str:
    block = run["free_directions"][:, member]
    if not len(block) or block.shape[-1] != len(REASONS) or not isfinite(block[-1, 0]):
        return ""
    parts = ", ".join(f"{count:.0f} {name}" for name, count in zip(SAID, block[-1], strict=True))
    return f"Its centre has **{block[-1].sum():.0f}** free directions: {parts}."


def _box(run: RunData, member: int, config: LossLandscape) -> str:
    value, law = 2 * _last(run, member, "llc"), 2 * predictions.laws(config)[0].value
    if config.strength <= 1:
        return (
            f"Two weights that interact as c w₁²w₂², by less than the level: all of the box lies below it, and they "
            f"count as **{value:.4g}** parameters, by theory {law:.4g}."
        )
    return (
        f"Two weights that interact as c w₁²w₂². Below the level ε = c/{config.strength:g} lies a cross of two free "
        f"axes; it counts as **{value:.4g}** parameters, by theory {law:.4g}. Strength matters through its logarithm "
        f"alone, and not at all below the level."
    )


def _last(run: RunData, member: int, channel: str) -> float:
    return float(run[channel][-1, member]) if len(run) else float("nan")
