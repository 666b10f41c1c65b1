"""Training as a generator of what the parameters are now and then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.models.initialisation import ORDER, stream
from engines.loss_landscape.models.model import Samples, Subject
from engines.loss_landscape.training.optimizers import adamw, begin


def minibatch(n: int, size: int, step: int, seeds: Sequence[int]) -> Tensor:
    """Numbers of the samples of one step, `[B, size]`: a new order every `n // size` steps, a function of the step.

    Raises `ConfigError` where the batch is larger than the data.
    """
    if size > n:
        raise ConfigError(f"a batch of {size} samples is more than the {n} that there are")
    epoch, place = divmod(step, n // size)
    orders = [torch.randperm(n, generator=stream(seed, ORDER, epoch)) for seed in seeds]
    return torch.stack(orders)[:, place * size : (place + 1) * size]


def train(
    subject: Subject,
    steps: int,
    lr: Tensor | float,
    wd: Tensor | float = 0.0,
    betas: tuple[float, float] = (0.9, 0.999),
    every: int = 100,
    batch: int | None = None,
) -> Iterator[tuple[int, Tensor]]:
    """AdamW on all samples, or on `batch` of them at a time in an order of each member's own.

    lr and wd are numbers or `[B]`. Yields the step and the parameters `[B, P]` at 0, after every `every` steps, and at
    the end.
    """
    lr, wd = (torch.as_tensor(knob, dtype=subject.start.dtype).expand(len(subject.start)) for knob in (lr, wd))
    state, n = begin(subject.start), subject.train.X.shape[-2]
    yield 0, state.theta
    for step in range(steps):
        seen: Samples | None = None
        if batch is not None:
            seen = subject.train.take(minibatch(n, batch, step, subject.seeds))
        state = adamw(state, subject.gradient(state.theta, seen), lr, wd, betas)
        if (step + 1) % every == 0 or step + 1 == steps:
            yield step + 1, state.theta
