"""The images of digits that come with scikit-learn: 1797 of 8 x 8 pixels, nothing is downloaded."""

from __future__ import annotations

import numpy as np

from engines.core.protocol.errors import EngineFailure


def load() -> tuple[np.ndarray, np.ndarray]:
    """Load all images `[1797, 64]`, in [0, 1], and the digits `[1797]` that they show.

    Raises `EngineFailure` where scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise EngineFailure("the images of digits come with scikit-learn, which is not installed") from error
    images, labels = map(np.asarray, load_digits(return_X_y=True))
    return images / 16, labels


def pixels(per_class: int, seed: int) -> np.ndarray:
    """Draw some images of each digit, `[64, 10 n]`, class after class, in [0, 1]; one stream draws which.

    Raises `EngineFailure` where scikit-learn is not installed.
    """
    images, labels = load()
    stream = np.random.default_rng(seed)
    chosen = [stream.permutation(np.flatnonzero(labels == digit))[:per_class] for digit in range(10)]
    return images[np.concatenate(chosen)].T
