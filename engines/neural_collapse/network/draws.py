"""What is random about a network, from its seed: numpy streams on the CPU, one for each purpose."""

from __future__ import annotations

import numpy as np

from engines.neural_collapse.config import NeuralCollapse

EPOCHS = 128
"""Epochs with an order of samples of their own; then the orders come again."""

ORDER = 100
"""Orders are drawn with the seed s + 100 of the specification, weights with s; see `network` for greedy training."""


def network(config: NeuralCollapse, inputs: int, classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """W_1 `[D, h]`, the other hidden weights `[L-1, h, h]`, last layers `[L or 1, h, K]`.

    Uniform on `(-1, 1)/sqrt(fan in)`, hidden layers times sqrt 6 without batch-norm. Greedy training draws layer l and
    the last layer that comes with it from a stream of their own, of seed `100 s + l`.
    """
    h, L = config.width, config.depth
    one = np.random.default_rng(config.seed)
    streams = [np.random.default_rng(100 * config.seed + layer) if config.greedy else one for layer in range(L)]
    gain = 1.0 if config.batch_norm else np.sqrt(6)
    hidden = [gain * _uniform(stream, h if layer else inputs, h) for layer, stream in enumerate(streams)]
    last = [_uniform(stream, h, classes) for stream in (streams if config.greedy else [one])]
    inner = np.stack(hidden[1:]) if L > 1 else np.zeros((0, h, h))
    return hidden[0], inner, np.stack(last)


def orders(config: NeuralCollapse, samples: int) -> np.ndarray:
    """The orders of all epochs, one after another, `[EPOCHS N]`."""
    stream = np.random.default_rng(ORDER + config.seed)
    return np.concatenate([stream.permutation(samples) for _ in range(EPOCHS)]).astype(np.int32)


def _uniform(stream: np.random.Generator, inputs: int, outputs: int) -> np.ndarray:
    return stream.uniform(-1, 1, (inputs, outputs)) / np.sqrt(inputs)
