"""Models of the edge of stability as losses of one flat vector, with gradients and curvature times vectors.

`w` is `[B, P]`; directions are `[B, k, P]`. Models: `½(xy - c)²`, the valley `½ u x² - alpha u`, and a network with one
hidden layer of tanh on images of digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from engines.core.numerics import digits

PER_CLASS, COMPONENTS, HIDDEN, CLASSES = 10, 8, 12, 10
"""Images of each digit, principal components of them, hidden neurons, digits."""

PARAMETERS = (COMPONENTS + 1) * HIDDEN + (HIDDEN + 1) * CLASSES


@dataclass(frozen=True)
class ProductLoss:
    """`½(xy - c)²`, for c `[B]`."""

    c: Tensor

    def loss_and_gradient(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the loss `[B]` and its gradient `[B, 2]`."""
        r = w[:, 0] * w[:, 1] - self.c
        return r.square() / 2, r[:, None] * w.flip(1)

    def curvature(self, w: Tensor, v: Tensor) -> Tensor:
        """Compute the Hessian `[[y², r + xy], [r + xy, x²]]` times directions `[B, k, 2]`."""
        x, y = w[:, None, 0], w[:, None, 1]
        off = 2 * x * y - self.c[:, None]
        return torch.stack([y * y * v[..., 0] + off * v[..., 1], off * v[..., 0] + x * x * v[..., 1]], -1)


@dataclass(frozen=True)
class Valley:
    """`½ u x² - alpha u`, whose curvature u rises by itself; for alpha `[B]`."""

    alpha: Tensor

    def loss_and_gradient(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the loss `[B]` and its gradient `[B, 2]`."""
        x, u = w.unbind(1)
        half = x.square() / 2 - self.alpha
        return u * half, torch.stack([u * x, half], 1)

    def curvature(self, w: Tensor, v: Tensor) -> Tensor:
        """Compute the Hessian `[[u, x], [x, 0]]` times directions `[B, k, 2]`."""
        x, u = w[:, None, 0], w[:, None, 1]
        return torch.stack([u * v[..., 0] + x * v[..., 1], x * v[..., 0]], -1)


@dataclass(frozen=True)
class Network:
    """A network 8-12-10 with tanh and biases, and half its mean squared error on 100 images of digits."""

    X: Tensor
    """Inputs, `[n, 8]`."""
    Y: Tensor
    """Unit vectors, `[n, 10]`."""

    def _layers(self, w: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Split flat parameters `[*, P]` into `W1 [*, 8, 12]`, `b1 [*, 1, 12]`, `W2` and `b2`."""
        sizes = (COMPONENTS * HIDDEN, HIDDEN, HIDDEN * CLASSES, CLASSES)
        W1, b1, W2, b2 = w.split(sizes, -1)
        return W1.unflatten(-1, (COMPONENTS, HIDDEN)), b1[..., None, :], W2.unflatten(-1, (HIDDEN, CLASSES)), b2[
            ..., None, :
        ]  # fmt: skip

    def _hidden(self, w: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute hidden activations, residuals over n, and `W2`."""
        W1, b1, W2, b2 = self._layers(w)
        h = torch.tanh(self.X @ W1 + b1)
        return h, (h @ W2 + b2 - self.Y) / len(self.X), W2

    def loss_and_gradient(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the loss `[B]` and its gradient `[B, P]`."""
        h, e, W2 = self._hidden(w)
        g = (e @ W2.mT) * (1 - h * h)
        parts = (self.X.mT @ g, g.sum(-2), h.mT @ e, e.sum(-2))
        return e.square().sum((-2, -1)) * len(self.X) / 2, torch.cat([part.flatten(1) for part in parts], 1)

    def curvature(self, w: Tensor, v: Tensor) -> Tensor:
        """Compute the Hessian times directions `[B, k, P]`, exactly, by forward differentiation of the gradient."""
        h, e, W2 = (part[:, None] for part in self._hidden(w))
        dW1, db1, dW2, db2 = self._layers(v)
        slope = 1 - h * h
        dh = slope * (self.X @ dW1 + db1)
        de = (dh @ W2 + h @ dW2 + db2) / len(self.X)
        dg = (de @ W2.mT + e @ dW2.mT) * slope - 2 * (e @ W2.mT) * h * dh
        parts = (self.X.mT @ dg, dg.sum(-2), dh.mT @ e + h.mT @ de, de.sum(-2))
        return torch.cat([part.flatten(2) for part in parts], 2)


SmallModel = ProductLoss | Valley | Network


@lru_cache(maxsize=1)
def images() -> tuple[np.ndarray, np.ndarray]:
    """Return principal components `[100, 8]` of ten images a digit, at unit variance, and unit vectors `[100, 10]`."""
    pixels, labels = digits.load()
    stream = np.random.default_rng(0)
    chosen = np.concatenate(
        [stream.choice(np.flatnonzero(labels == digit), PER_CLASS, replace=False) for digit in range(CLASSES)]
    )
    centred = pixels[chosen] - pixels[chosen].mean(0)
    U, _, _ = np.linalg.svd(centred, full_matrices=False)
    return U[:, :COMPONENTS] * len(chosen) ** 0.5, np.eye(CLASSES)[labels[chosen]]


def network_start(seed: int) -> np.ndarray:
    """Draw the parameters `[P]` of a network: `N(0, 1/fan-in)`, biases 0."""
    stream = np.random.default_rng(seed)
    W1 = stream.standard_normal((COMPONENTS, HIDDEN)) / COMPONENTS**0.5
    W2 = stream.standard_normal((HIDDEN, CLASSES)) / HIDDEN**0.5
    return np.concatenate([W1.ravel(), np.zeros(HIDDEN), W2.ravel(), np.zeros(CLASSES)])
