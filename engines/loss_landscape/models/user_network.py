"""A network of the user's own: a `.safetensors` state of a perceptron and an `.npz` of samples."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from engines.core.files.input_file import InputFile
from engines.core.files.npz_reader import REAL, read
from engines.loss_landscape.models import checkpoint_file, initialisation
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.model import Samples, Subject, cross_entropy, half_squared_error

SAMPLES, NUMBERS = 20_000, 2 * 10**7
"""The most that are taken, and the most activations that one layer may make of them."""

HELD_OUT = 5
"""One sample of so many that have labels or targets is kept for the test."""


class Given(NamedTuple):
    """Samples with or without labels or targets."""

    X: Tensor
    """`[n, d]`."""
    y: Tensor | None
    """The output that should be largest, whole numbers `[n]`, or what outputs should be, `[n, k]`."""


def load(network: str, data: str, activation: str = "file") -> tuple[Mlp, Tensor, Given]:
    """The perceptron, its parameters `[P]` and its samples, in float64; activation: "file" or what bends in it.

    Raises `ConfigError` for paths that do not end in .safetensors and .npz, for files that cannot be read within the
    limits, for a network and samples that do not fit each other, and where nothing says what the activation is.
    """
    states, samples = InputFile("LossLandscape.network", Path(network)), InputFile("LossLandscape.data", Path(data))
    for file, suffix in ((states, ".safetensors"), (samples, ".npz")):
        if file.path.suffix != suffix:  # nothing is told of files that cannot be meant
            raise file.refuse(f"it must be the path of a file that ends in {suffix}")
    net, theta = checkpoint_file.load(states, activation)
    given = _samples(samples, net)
    A, Z = net.layers(theta, given.X)
    if not bool(Z[-1].isfinite().all()):
        raise samples.refuse("the network makes outputs of X that are not finite")
    if (most := max(float(at.abs().max()) for at in (*A, Z[-1]))) > checkpoint_file.LARGEST:
        raise samples.refuse(
            f"X or what layers make of it reaches {most:.1e}; the limit is {checkpoint_file.LARGEST:.0e}"
        )
    return net, theta, given


def labelled(net: Mlp, theta: Tensor, samples: Given, seeds: tuple[int, ...]) -> Subject:
    """Cross-entropy on labels, half the squared error on targets; a fifth is held out, the same one for all members.

    theta `[B, P]`.
    """
    X, y = samples
    assert y is not None
    criterion = half_squared_error if y.is_floating_point() else cross_entropy
    order = torch.randperm(len(X), generator=initialisation.stream(0))
    held_out, shown = order.tensor_split([max(1, len(X) // HELD_OUT)])
    return Subject(net, Samples(X[shown], y[shown]), Samples(X[held_out], y[held_out]), criterion, theta, seeds)


def _samples(file: InputFile, net: Mlp) -> Given:
    arrays = read(file, {"X": REAL}, {"y": REAL})
    X, y = arrays["X"], arrays.get("y")
    if X.ndim != 2 or X.shape[1] != net.sizes[0]:
        raise file.refuse(f"X has shape {X.shape}; the network needs [samples, {net.sizes[0]}]")
    _check_size(file, len(X), max(net.sizes))
    if not np.isfinite(X).all():
        raise file.refuse(f"X has {int((~np.isfinite(X)).sum())} values that are not finite")
    shown = None if y is None else torch.from_numpy(_shown(file, y, len(X), net.sizes[-1]))
    return Given(torch.from_numpy(X.astype(np.float64, order="C")), shown)


def _check_size(file: InputFile, n: int, widest: int) -> None:
    if not 1 <= n <= SAMPLES:
        raise file.refuse(f"X has {n} samples; allowed are 1 to {SAMPLES}")
    if n * widest > NUMBERS:
        raise file.refuse(f"{n} samples times a layer of {widest} are {n * widest} activations; the limit is {NUMBERS}")


def _shown(file: InputFile, y: np.ndarray, n: int, outputs: int) -> np.ndarray:
    """Labels as whole numbers `[n]`, or targets `[n, k]`: of one output, and where y has an axis of outputs."""
    if n < 2:
        raise file.refuse("y is of 1 sample; two at least are needed, one of them to test")
    if not np.isfinite(y).all():
        raise file.refuse(f"y has {int((~np.isfinite(y)).sum())} values that are not finite")
    if y.shape == (n, outputs) and (y.dtype.kind == "f" or outputs == 1):
        return y.astype(np.float64)
    if y.shape == (n,) and outputs == 1:
        return y.astype(np.float64)[:, None]
    if y.shape != (n,):
        raise file.refuse(
            f"y has shape {y.shape} and type {y.dtype}; labels of {n} samples are whole numbers of shape ({n},), "
            f"targets real ones of shape ({n}, {outputs})"
        )
    return _labels(file, y, outputs)


def _labels(file: InputFile, y: np.ndarray, outputs: int) -> np.ndarray:
    """Numbers of outputs: labels themselves where they are such, else their places in order, one for each output."""
    if (y != np.round(y)).any():
        raise file.refuse(f"y has labels that are no whole numbers, as {float(y[y != np.round(y)][0]):.6g}")
    if y.min() >= 0 and y.max() < outputs:
        return y.astype(np.int64)
    classes, places = np.unique(y, return_inverse=True)
    if len(classes) != outputs:
        raise file.refuse(
            f"y has {len(classes)} labels from {y.min():g} to {y.max():g}; the network has outputs 0 to {outputs - 1}"
        )
    return places.ravel().astype(np.int64)
