"""A network of the user's own: a `.safetensors` state of a perceptron and an `.npz` of samples."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from engines.core.archive import REAL, WHOLE, read
from engines.core.files import Named
from engines.loss_landscape import state
from engines.loss_landscape.mlp import Mlp
from engines.loss_landscape.training import starts
from engines.loss_landscape.training.subject import Samples, Subject, cross_entropy

SAMPLES, NUMBERS = 20_000, 2 * 10**7
"""The most that are taken, and the most activations that one layer may make of them."""

HELD_OUT = 5
"""One labelled sample of so many is kept for the test."""


class Given(NamedTuple):
    """Samples with or without labels."""

    X: Tensor
    """`[n, d]`."""
    y: Tensor | None
    """The output that should be largest, `[n]`."""


def load(network: str, data: str) -> tuple[Mlp, Tensor, Given]:
    """The perceptron, its parameters `[P]` and its samples, in float64.

    Raises `ConfigError` for paths that do not end in .safetensors and .npz, for files that cannot be read within the
    limits, and for a network and samples that do not fit each other.
    """
    states, samples = Named("LossLandscape.network", Path(network)), Named("LossLandscape.data", Path(data))
    for file, suffix in ((states, ".safetensors"), (samples, ".npz")):
        if file.path.suffix != suffix:  # nothing is told of files that cannot be meant
            raise file.refuse(f"it must be the path of a file that ends in {suffix}")
    net, theta = state.load(states)
    given = _samples(samples, net)
    if not bool(net(theta, given.X).isfinite().all()):
        raise samples.refuse("the network makes outputs of X that are not finite")
    return net, theta, given


def labelled(net: Mlp, theta: Tensor, samples: Given, seeds: tuple[int, ...]) -> Subject:
    """Cross-entropy on samples that have labels, a fifth of them held out, the same for all members; theta `[B, P]`."""
    X, y = samples
    assert y is not None
    order = torch.randperm(len(X), generator=starts.stream(0))
    held_out, shown = order.tensor_split([max(1, len(X) // HELD_OUT)])
    return Subject(net, Samples(X[shown], y[shown]), Samples(X[held_out], y[held_out]), cross_entropy, theta, seeds)


def _samples(file: Named, net: Mlp) -> Given:
    arrays = read(file, {"X": REAL}, {"y": WHOLE})
    X, y = arrays["X"], arrays.get("y")
    if X.ndim != 2 or X.shape[1] != net.sizes[0]:
        raise file.refuse(f"X has shape {X.shape}; the network needs [samples, {net.sizes[0]}]")
    _check_size(file, len(X), max(net.sizes))
    if not np.isfinite(X).all():
        raise file.refuse(f"X has {int((~np.isfinite(X)).sum())} values that are not finite")
    if y is not None:
        _check_labels(file, y, len(X), net.sizes[-1])
        y = torch.from_numpy(y.astype(np.int64))
    return Given(torch.from_numpy(X.astype(np.float64, order="C")), y)


def _check_size(file: Named, n: int, widest: int) -> None:
    if not 1 <= n <= SAMPLES:
        raise file.refuse(f"X has {n} samples; allowed are 1 to {SAMPLES}")
    if n * widest > NUMBERS:
        raise file.refuse(f"{n} samples times a layer of {widest} are {n * widest} activations; the limit is {NUMBERS}")


def _check_labels(file: Named, y: np.ndarray, n: int, outputs: int) -> None:
    if y.shape != (n,):
        raise file.refuse(f"y has shape {y.shape}; the labels of {n} samples are of shape ({n},)")
    if n < 2:
        raise file.refuse("y labels 1 sample; two at least are needed, one of them to test")
    if y.min() < 0 or y.max() >= outputs:
        raise file.refuse(f"y has labels {y.min()} to {y.max()}; the network has outputs 0 to {outputs - 1}")
