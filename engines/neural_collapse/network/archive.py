"""A user's own samples from an `.npz`: X and y, within limits."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engines.core.files.input_file import InputFile
from engines.core.files.npz_reader import REAL, read

SAMPLES, FEATURES, CLASSES = 20_000, 4096, 50
"""The most that are taken."""


def named(path: Path) -> InputFile:
    """The file that the knob `data` names."""
    return InputFile("NeuralCollapse.data", path)


def load(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """`X` `[N, D]` in float64 and `y` `[N]`, classes 0..K-1 in the order of their labels.

    Raises `ConfigError` with the file, the array, the value and the limit.
    """
    file = named(path)
    arrays = read(file, {"X": REAL, "y": REAL})
    X, y = arrays["X"], arrays["y"]
    _check_samples(file, X, y)
    if not (np.isfinite(y) & (y == np.round(y))).all():
        raise file.refuse("y has labels that are not whole; it needs whole numbers, of whatever type")
    labels, classes, sizes = np.unique(y, return_inverse=True, return_counts=True)
    if not 2 <= len(labels) <= CLASSES:
        raise file.refuse(f"y has {len(labels)} classes; allowed are 2 to {CLASSES}")
    if sizes.min() < 2:
        rarest = labels[sizes.argmin()]
        raise file.refuse(f"y has {sizes.min()} sample of class {rarest}; each class needs at least 2")
    return X.astype(float), classes.reshape(-1)


def _check_samples(file: InputFile, X: np.ndarray, y: np.ndarray) -> None:
    if X.ndim != 2 or y.ndim != 1:
        raise file.refuse(f"X has shape {X.shape} and y {y.shape}; they must be [samples, features] and [samples]")
    if len(X) != len(y):
        raise file.refuse(f"X has {len(X)} samples and y has {len(y)}")
    for count, limit, what in ((len(X), SAMPLES, "samples"), (X.shape[1], FEATURES, "features")):
        if not 1 <= count <= limit:
            raise file.refuse(f"X has {count} {what}; allowed are 1 to {limit}")
    if not np.isfinite(X).all():
        raise file.refuse(f"X has {int((~np.isfinite(X)).sum())} values that are not finite")
