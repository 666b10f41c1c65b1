"""Samples to train on: the digits that come with scikit-learn, or a user's own `.npz` with X and y, within limits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from engines.core.files.input_file import InputFile
from engines.core.files.npz_reader import REAL, read
from engines.core.numerics.digits import pixels

DIGITS = "digits"
TRAIN, TEST = 140, 34
"""Numbers of images of each digit, to train on and to test."""

HELD_OUT = 0.2
"""Share of each class of a user's own samples that is kept for the test."""

SPLIT = 0
"""Seed of the split, one for all: networks differ in how they begin, not in what they see."""


@dataclass(frozen=True)
class Data:
    """Samples, centred by the mean of those that are trained on, class after class."""

    X: np.ndarray
    """`[N, D]`."""
    y: np.ndarray
    """`[N]`, in 0..K-1."""
    X_test: np.ndarray
    y_test: np.ndarray

    @property
    def classes(self) -> int:
        """Number of classes, K."""
        return int(self.y.max()) + 1


def load(name: str) -> Data:
    """The samples that the knob `data` names. Raises `ConfigError`, or `EngineFailure` without scikit-learn."""
    if name == DIGITS:
        return _digits()
    path = Path(name)
    if path.suffix != ".npz":  # nothing is told of files that cannot be meant
        raise named_file(path).refuse("it must be digits, or the path of a file that ends in .npz")
    try:
        stat = path.stat()
    except (OSError, ValueError):  # `read_archive` says what is wrong
        return _user_data(path, 0, 0)
    return _user_data(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=1)
def _digits() -> Data:
    """Digits in [0, 1], of each class 140 to train on and 34 to test, the training mean subtracted."""
    images = pixels(TRAIN + TEST, SPLIT).T.reshape(10, TRAIN + TEST, -1)
    labels = np.arange(10)
    return _centred(
        np.concatenate(images[:, :TRAIN]), labels.repeat(TRAIN), np.concatenate(images[:, TRAIN:]), labels.repeat(TEST)
    )


@lru_cache(maxsize=4)
def _user_data(path: Path, modified: int, size: int) -> Data:
    """A user's samples, scaled to entries of mean square 1 about the training mean; a fifth is held out."""
    X, y = read_archive(path)
    X = X / max(np.abs(X).max(), np.finfo(float).tiny)  # so that squares do not overflow
    stream = np.random.default_rng(SPLIT)
    orders = [stream.permutation(np.flatnonzero(y == k)) for k in range(y.max() + 1)]
    kept = [max(2, len(order) - int(HELD_OUT * len(order))) for order in orders]
    train = np.concatenate([order[:count] for order, count in zip(orders, kept, strict=True)])
    test = np.concatenate([order[count:] for order, count in zip(orders, kept, strict=True)])
    spread = np.sqrt((X[train] - X[train].mean(0)).var())
    if not spread > 0:
        raise named_file(path).refuse("all samples of X are equal")
    return _centred(X[train] / spread, y[train], X[test] / spread, y[test])


def _centred(X: np.ndarray, y: np.ndarray, X_test: np.ndarray, y_test: np.ndarray) -> Data:
    mean = X.mean(0)
    return Data(X - mean, y, X_test - mean, y_test)


MAX_SAMPLES, MAX_FEATURES, MAX_CLASSES = 20_000, 4096, 50
"""The most that a user's own data may have."""


def named_file(path: Path) -> InputFile:
    """The file that the knob `data` names."""
    return InputFile("NeuralCollapse.data", path)


def read_archive(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """`X` `[N, D]` in float64 and `y` `[N]`, classes 0..K-1 in the order of their labels.

    Raises `ConfigError` with the file, the array, the value and the limit.
    """
    file = named_file(path)
    arrays = read(file, {"X": REAL, "y": REAL})
    X, y = arrays["X"], arrays["y"]
    _check_samples(file, X, y)
    if not (np.isfinite(y) & (y == np.round(y))).all():
        raise file.refuse("y has labels that are not whole; it needs whole numbers, of whatever type")
    labels, classes, sizes = np.unique(y, return_inverse=True, return_counts=True)
    if not 2 <= len(labels) <= MAX_CLASSES:
        raise file.refuse(f"y has {len(labels)} classes; allowed are 2 to {MAX_CLASSES}")
    if sizes.min() < 2:
        rarest = labels[sizes.argmin()]
        raise file.refuse(f"y has {sizes.min()} sample of class {rarest}; each class needs at least 2")
    return X.astype(float), classes.reshape(-1)


def _check_samples(file: InputFile, X: np.ndarray, y: np.ndarray) -> None:
    if X.ndim != 2 or y.ndim != 1:
        raise file.refuse(f"X has shape {X.shape} and y {y.shape}; they must be [samples, features] and [samples]")
    if len(X) != len(y):
        raise file.refuse(f"X has {len(X)} samples and y has {len(y)}")
    for count, limit, what in ((len(X), MAX_SAMPLES, "samples"), (X.shape[1], MAX_FEATURES, "features")):
        if not 1 <= count <= limit:
            raise file.refuse(f"X has {count} {what}; allowed are 1 to {limit}")
    if not np.isfinite(X).all():
        raise file.refuse(f"X has {int((~np.isfinite(X)).sum())} values that are not finite")
