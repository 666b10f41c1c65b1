"""A training loop of a few lines, for tests that need a trained network and no run."""

import torch

from engines.loss_landscape.training.train import adamw, init_moments, minibatch


def train(subject, steps, lr, wd=0.0, betas=(0.9, 0.999), every=100, size=None):
    """Train by AdamW on all samples, or on `size` of them at a time in an order of each member's own.

    lr and wd are numbers or `[B]`. Yields the step and the parameters `[B, P]` at 0, after every `every` steps, and at
    the end. Raises `ConfigError` where the minibatch is larger than the data.
    """
    lr, wd = (torch.as_tensor(knob, dtype=subject.start.dtype).expand(len(subject.start)) for knob in (lr, wd))
    state, n = init_moments(subject.start), subject.train.X.shape[-2]
    yield 0, state.theta
    for step in range(steps):
        samples = None if size is None else subject.train.take(minibatch(n, size, step, subject.seeds))
        state = adamw(state, subject.gradient(state.theta, samples), lr, wd, betas)
        if (step + 1) % every == 0 or step + 1 == steps:
            yield step + 1, state.theta
