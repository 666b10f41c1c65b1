"""Moments of features by class, gathered minibatch by minibatch: memory does not grow with the number of samples.

Two passes. The first finds the class means; the second looks at deviations from them, in the span of the means and of a
classifier, where all metrics of collapse look, and keeps what is left of their length beside it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import one_hot, pad

from engines.core.numerics.collapse_metrics import FeatureMoments


class ClassMeans:
    """First pass: means of the classes, about the first minibatch's, so that a common shift costs no digits."""

    def __init__(self, classes: int) -> None:
        self.counts = torch.zeros(classes, dtype=torch.float64)
        self._shift = self._sums = torch.zeros(0)

    def add(self, H: Tensor, labels: Tensor) -> None:
        """Take in features `H [n, d]` with labels `[n]`."""
        H = H.detach().double()
        if not len(self._shift):
            self._shift = H.mean(0)
            self._sums = H.new_zeros(len(self.counts), H.shape[1])
        share = one_hot(labels, len(self.counts)).to(H)
        self._sums += share.mT @ (H - self._shift)
        self.counts += share.sum(0).to(self.counts)

    @property
    def means(self) -> Tensor:
        """Class means `[d, K]`."""
        return (self._shift + self._sums / self.counts.to(self._sums)[:, None]).mT


class ClassDeviations:
    """Second pass: deviations from the class means, in at most 2K + 1 coordinates."""

    def __init__(self, first: ClassMeans, W: Tensor | None = None) -> None:
        self.means, self.counts = first.means, first.counts.to(first.means)
        spanning = self.means if W is None else torch.cat([self.means, W.to(self.means).mT], 1)
        self._basis = torch.linalg.qr(spanning)[0]
        r, K = self._basis.shape[1], len(self.counts)
        self.W = None if W is None else pad(W.to(self.means) @ self._basis, (0, 1))
        self._inside = self.means.new_zeros(r, r)
        self._squares, self._beside, self.nearest = (self.means.new_zeros(K) for _ in range(3))

    def add(self, H: Tensor, labels: Tensor) -> None:
        """Take in features `H [n, d]` with labels `[n]`, those of the first pass."""
        D = H.detach().to(self.means) - self.means.mT[labels]
        A = D @ self._basis
        lengths = D.square().sum(1)
        beside = (D - A @ self._basis.mT).square().sum(1)
        share = one_hot(labels, len(self.counts)).to(D)
        self._inside += A.mT @ A
        self._squares += lengths @ share
        self._beside += beside @ share
        self.nearest += self._own_is_nearest(A, labels).to(D) @ share

    def _own_is_nearest(self, A: Tensor, labels: Tensor) -> Tensor:
        """Whether the own class mean is the nearest, bool `[n]`: what lies beside the span is as far from all."""
        C = self._basis.mT @ (self.means - self.means.mean(1, keepdim=True))
        here = A + C.mT[labels]
        return (C.square().sum(0) - 2 * here @ C).argmin(1) == labels

    @property
    def moments(self) -> FeatureMoments:
        """Moments `M [r + 1, K]`, `Y [r + 1, r + 1]`, `V [K]`, of which the metrics are those of all features."""
        N, K = self.counts.sum(), len(self.counts)
        values, vectors = torch.linalg.eigh(self._inside * (K / N))
        Y = pad(vectors * values.clamp_min(0).sqrt(), (0, 1, 0, 1))
        Y[-1, -1] = (self._beside.sum() * (K / N)).sqrt()
        return FeatureMoments(pad(self._basis.mT @ self.means, (0, 0, 0, 1)), Y, self.spread.sqrt())

    @property
    def spread(self) -> Tensor:
        """Mean squared deviation of each class from its mean, `[K]`."""
        return self._squares / self.counts

    @property
    def distance(self) -> Tensor:
        """Squared distance of each class mean from the mean of all, `[K]`."""
        return (self.means - self.means.mean(1, keepdim=True)).square().sum(0)

    @property
    def accuracy(self) -> Tensor:
        """Share of each class whose own mean is the nearest, `[K]`."""
        return self.nearest / self.counts
