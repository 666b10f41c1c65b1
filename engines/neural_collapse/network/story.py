"""Explanation of a network in words with the run's own numbers, and the moments of its training."""

from __future__ import annotations

import numpy as np

from engines.core.protocol.declarations import Phase, Story
from engines.core.protocol.engine import RunData
from engines.neural_collapse.config import NeuralCollapse
from engines.neural_collapse.network.data import DIGITS, load
from engines.neural_collapse.network.problem import BATCH_SIZE
from engines.neural_collapse.network.training import JOINT

REFERENCE = "Tirer, Huang, Niles-Weed 2023 (arXiv 2210.16658); He, Su 2023 (separation by layers)"

LOSSES = {"mse": "½ mean ‖Wh + b − y‖²", "ce": "mean cross-entropy of Wh + b"}


def per_epoch(config: NeuralCollapse) -> int:
    """Steps of an epoch."""
    samples = len(load(config.data).X)
    return samples // min(BATCH_SIZE, samples)


def phases(run: RunData, member: int) -> list[Phase]:
    """Zero training error, and where the step size falls; of greedy training, where a layer is added."""
    config = run.configs[member]
    length, end = config.epochs * per_epoch(config), run.steps[-1] if len(run) else 0
    if config.greedy:
        marks = [(layer * length, f"layer {layer + 1}") for layer in range(config.depth)]
    else:
        drops = [(part * length / parts, f"step size ÷ {10**i}") for i, (part, parts) in enumerate(JOINT, 1)]
        marks = [(0, "training"), *drops, *_zero(run, member)]
    return [Phase(step=float(step), label=label, doc=_phase_doc(label)) for step, label in sorted(marks) if step <= end]


def _phase_doc(label: str) -> str:
    """Say what happens in a phase."""
    if label.startswith("layer"):
        return "One more layer is trained on top of those that are frozen."
    if label.startswith("step size"):
        return "The step size was divided, and the noise of the minibatches falls with it."
    if label == "training":
        return "The network still makes mistakes on its training samples."
    return "Every training sample is right; what goes on is contraction."


def _zero(run: RunData, member: int) -> list[tuple[float, str]]:
    """The first frame without a training error."""
    if not len(run):
        return []
    steps, accuracy = run.curves(member, "accuracy")
    right = accuracy >= 1
    return [(float(steps[right.argmax()]), "zero training error")] if right.any() else []


def story(run: RunData, member: int) -> Story:
    """Formula, sentences and the reference for one member."""
    config = run.configs[member]
    text = f"{_setting(config)} {_aim(config)}\n{_now(run, member, config)}"
    formula = f"min {LOSSES[config.loss]} + ½ λ ‖weights‖², h = ReLU(… ReLU(x W₁) …)"
    return Story(formula=formula, text=text, reference=f"{REFERENCE}. Trained in float32, on {run.device}.")


def _setting(config: NeuralCollapse) -> str:
    samples, norm = load(config.data), "batch-norm and ReLU" if config.batch_norm else "ReLU"
    data = "images of digits" if config.data == DIGITS else "samples of your own"
    return (
        f"A network of {config.depth} hidden layers of {config.width} neurons with {norm} learns {len(samples.X)} "
        f"{data} in minibatches of {min(BATCH_SIZE, len(samples.X))}, one a step and {per_epoch(config)} an epoch."
    )


def _aim(config: NeuralCollapse) -> str:
    if config.greedy:
        return (
            f"Layers are added one at a time, each trained for {config.epochs} epochs with a new classifier while "
            "those below stay as they are: every layer takes the features that it is given a little closer to collapse."
        )
    if config.weight_decay_features == config.weight_decay_last == 0:
        pull = "Past zero training error there is nothing left to get right, and without weight decay little pulls on."
    else:
        pull = (
            "Past zero training error there is nothing left to get right, and the features still contract: weight "
            f"decay pulls on, {config.weight_decay_features:.3g} in the hidden layers and "
            f"{config.weight_decay_last:.3g} in the last."
        )
    return f"{pull} Each layer takes about the same factor off NC1: a straight line over the depth, not down to zero."


def _now(run: RunData, member: int, config: NeuralCollapse) -> str:
    if not len(run):
        return ""
    names = ("nc1", "nc1_trace", "accuracy", "accuracy_test")
    first, trace, right, tested = (float(run[name][-1, member]) for name in names)
    epoch = run.steps[-1] / per_epoch(config)
    if np.isnan(first):
        return (
            f"After **{epoch:.3g}** epochs the last features of all samples coincide: NC1 has nothing to compare with "
            f"and no value. This is no collapse; training error **{1 - right:.2%}**."
        )
    return (
        f"After **{epoch:.3g}** epochs NC1 of the last features is **{first:.3g}** and their trace ratio "
        f"**{trace:.3g}**; training error **{1 - right:.2%}**, test error **{1 - tested:.2%}**."
    )
