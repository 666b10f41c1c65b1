"""Scenes E and F: a race on images of digits, and its protocol as data.

A network 65-32-32-10 with ReLU and without biases (a constant pixel instead), cross-entropy, minibatches of images
drawn with replacement. Starts come from `default_rng(seed)`, minibatches from `default_rng(1000 + seed)`, so that all
methods of one seed share both. float32; scores in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from engines.core.methods.method import Leaf, Leaves, join, split
from engines.core.methods.racing import Race, lengths, race
from engines.core.numerics import digits
from engines.optimizer_dynamics.config import OptimizerDynamics
from engines.optimizer_dynamics.scenes.training import Configs, Knobs, complete, knobs_of, method_of, rates

SIZES = (65, 32, 32, 10)
LEAVES: Leaves = tuple(Leaf(out, into) for into, out in pairwise(SIZES))
PARAMETERS = sum(leaf.size for leaf in LEAVES)

TRAINED = 1500
"""Images that are learned; the other 297 are the test."""

REAL = torch.float32

MINIBATCH_SEED = 1000
"""Number that is added to a seed for the stream that draws minibatches."""

FORETOLD = 4096
"""Minibatches that are drawn at once; a run beyond them sees them again."""


class State(NamedTuple):
    """State of `B` networks."""

    w: Tensor
    """`[B, P]`, float32."""
    memory: Tensor
    """Memories of the methods, `[B, K]`."""
    score: Tensor
    """Mean training loss at the horizon, `[B]`; -1 before."""
    t: Tensor
    """Steps taken, whole number `[B]`."""


@dataclass(frozen=True)
class Problem:
    """Images, minibatches, starts and methods of `B` members."""

    X: Tensor
    """All images and the constant, `[1797, 65]`; those that are learned first."""
    y: Tensor
    """`[1797]`."""
    minibatches: Tensor
    """Images of each step, `[B, T, batch_size]`."""
    start: Tensor
    """`[B, P]`."""
    race: Race
    rate_schedules: tuple[str, ...]


@lru_cache(maxsize=1)
def images() -> tuple[np.ndarray, np.ndarray]:
    """Return pixels and a constant `[1797, 65]`, and digits `[1797]`, in the order of `default_rng(0)`."""
    pixels, labels = digits.load()
    order = np.random.default_rng(0).permutation(len(labels))
    return np.concatenate([pixels, np.ones((len(pixels), 1))], 1)[order], labels[order]


def start_of(seed: int) -> np.ndarray:
    """Draw the weights `[P]`: variance 2/fan-in of hidden layers, 1/fan-in of the last."""
    stream = np.random.default_rng(seed)
    variances = (2.0, 2.0, 1.0)
    layers = [stream.standard_normal((leaf.rows, leaf.columns)) * (variance / leaf.columns) ** 0.5
              for leaf, variance in zip(LEAVES, variances, strict=True)]  # fmt: skip
    return np.concatenate([layer.ravel() for layer in layers])


def build(configs: Configs, device: torch.device) -> Problem:
    """Load the images, draw starts and minibatches."""
    X, y = images()
    count, longest = configs[0].batch_size, min(max(config.horizon for config in configs), FORETOLD)
    drawn = {
        c.seed: np.random.default_rng(MINIBATCH_SEED + c.seed).integers(0, TRAINED, (longest, count)) for c in configs
    }
    start = torch.as_tensor(np.stack([start_of(config.seed) for config in configs]), dtype=REAL, device=device)
    knobs = _narrow(knobs_of(configs, device))
    return Problem(
        X=torch.as_tensor(X, dtype=REAL, device=device),
        y=torch.as_tensor(y, device=device),
        minibatches=torch.as_tensor(np.stack([drawn[config.seed] for config in configs]), device=device),
        start=start,
        race=race([method_of(config) for config in configs], LEAVES, start, knobs),
        rate_schedules=tuple(config.schedule for config in configs),
    )


def _narrow(knobs: Knobs) -> dict[str, Tensor]:
    return {name: value.to(REAL) for name, value in knobs.items()}


def init(configs: Configs, problem: Problem) -> State:
    """Put every member at its start."""
    w = problem.start
    memory = problem.race.start(w, _narrow(knobs_of(configs, w.device)))
    none = torch.full((len(w),), -1.0, dtype=torch.float64, device=w.device)
    return State(w, memory, none, torch.zeros(len(w), dtype=torch.long, device=w.device))


def outputs(w: Tensor, x: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Compute logits `[B, n, 10]` of images `[B or 1, n, 65]`, with the inputs of each layer and the weights."""
    W = split(w, LEAVES)
    inputs = [x]
    for layer in W[:-1]:
        inputs.append(torch.relu(inputs[-1] @ layer.mT))
    return inputs[-1] @ W[-1].mT, inputs, W


def losses(logits: Tensor, y: Tensor) -> Tensor:
    """Compute the mean cross-entropies `[B]` of logits `[B, n, 10]` for digits `[B or 1, n]`."""
    picked = logits.gather(2, y.expand(len(logits), -1)[:, :, None])[..., 0]
    return (torch.logsumexp(logits, 2) - picked).mean(1)


def evaluate(w: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Compute losses `[B]` and gradients `[B, P]` on minibatches of images `[B, n, 65]` and digits `[B, n]`."""
    logits, inputs, W = outputs(w, x)
    back = torch.softmax(logits, 2)
    back = (back - torch.nn.functional.one_hot(y, SIZES[-1])) / x.shape[1]
    gradients = []
    for layer in range(len(W) - 1, -1, -1):
        gradients.append(back.mT @ inputs[layer])
        if layer:
            back = (back @ W[layer]) * (inputs[layer] > 0)
    return losses(logits, y), join(gradients[::-1])


def _minibatch(problem: Problem, t: Tensor) -> tuple[Tensor, Tensor]:
    """Images `[B, n, 65]` and digits `[B, n]` of the next step."""
    rows = problem.minibatches[:, int(t.max()) % problem.minibatches.shape[1]]
    return problem.X[rows], problem.y[rows]


def step(problem: Problem, state: State, knobs: Knobs) -> State:
    """Take one step of each member's method on the weights `[B, P]`, with its next minibatch."""
    loss, gradient = evaluate(state.w, *_minibatch(problem, state.t))
    rate, narrow = rates(problem.rate_schedules, state.t, knobs).to(REAL), _narrow(knobs)
    w, memory = problem.race.step(state.w, state.memory, gradient, loss, rate, state.t + 1, narrow)
    return State(w, memory, _scores(problem, w, memory, state, knobs, narrow), state.t + 1)


def _scores(problem: Problem, w: Tensor, memory: Tensor, state: State, knobs: Knobs, narrow: Knobs) -> Tensor:
    """Note the training loss `[B]` of members whose horizon is this step."""
    ended = knobs["horizon"] == state.t + 1
    if not bool(ended.any()):
        return state.score
    points = problem.race.reported(w, memory, narrow)
    score = state.score.clone()
    for member in ended.nonzero().flatten().tolist():
        score[member] = _trained(problem, points[member : member + 1])[0]
    return score


def _trained(problem: Problem, w: Tensor) -> Tensor:
    """Mean training losses `[b]`, in float64, of parameters `[b, P]`."""
    logits = outputs(w, problem.X[None, :TRAINED])[0].double()
    return losses(logits, problem.y[None, :TRAINED])


def observe(problem: Problem, state: State, knobs: Knobs) -> dict[str, Tensor]:
    """Compute all channels that are not thin, each `[B, *dims]`."""
    x, y = _minibatch(problem, state.t)
    narrow = _narrow(knobs)
    w = problem.race.reported(state.w, state.memory, narrow)
    channels = {
        "loss": losses(outputs(w, x)[0].double(), y),
        "rate": rates(problem.rate_schedules, state.t, knobs),
        "distance": lengths(w, problem.start).double(),
        "d_estimate": problem.race.remembered(state.memory, "d").double(),
        "score": torch.where(state.score >= 0, state.score, torch.nan),
    }
    return complete(channels, state.w)


def snapshot(problem: Problem, state: State, knobs: Knobs) -> dict[str, Tensor]:
    """Compute the loss `[B]` of all training images, and the share of test images that are misread."""
    w = problem.race.reported(state.w, state.memory, _narrow(knobs))
    logits = outputs(w, problem.X[None, TRAINED:])[0]
    wrong = (logits.argmax(2) != problem.y[None, TRAINED:]).double().mean(1)
    return complete({"train_loss": _trained(problem, w), "test_error": wrong}, state.w, thin=True)


def nbytes(configs: Sequence[OptimizerDynamics]) -> int:
    """Estimate the memory of a batch: weights and memories, minibatches, and activations of a pass over all images."""
    one = configs[0]
    grams = sum(leaf.rows**2 + leaf.columns**2 for leaf in LEAVES)
    each = 4 * (30 * PARAMETERS + 6 * grams) + 8 * min(max(c.horizon for c in configs), FORETOLD) * one.batch_size
    return len(configs) * (each + 8 * 1797 * sum(SIZES)) + 2**22


# -- the protocol as data -----------------------------------------------------------------------------------------

CENTRES = {
    "gd": 1.0, "heavy_ball": 0.1, "adam": 0.01, "lion": 0.002, "muon": 0.05, "soap": 0.01, "schedule_free": 2.0,
    "schedule_free_adam": 0.02,
}  # fmt: skip
"""The middle of each method's grid of rates; every method has the same number of trials."""

RACERS = (*CENTRES, "prodigy", "dog", "dowg")
"""Methods that a race compares: those with rates to try, and those that find theirs."""

USUAL = {
    "adam": {"beta2": 0.99},
    "lion": {"beta2": 0.99},
    "soap": {"beta2": 0.99},
    "schedule_free_adam": {"beta2": 0.99},
}
"""Knobs of methods beside their rate."""


def rates_of(method: str) -> list[float]:
    """List the nine rates that are tried, a factor of 2 apart, around the centre."""
    return [float(f"{CENTRES[method] * 10 ** (0.3 * k):.4g}") for k in range(-4, 5)]


def trials_of(method: str) -> list[dict[str, Any]]:
    """List all trials of the protocol: nine rates under a constant and a linear schedule, 18 for every method."""
    return [{"method": method, "eta": eta, "schedule": schedule, **USUAL.get(method, {})}
            for schedule in ("constant", "linear") for eta in rates_of(method)]  # fmt: skip
