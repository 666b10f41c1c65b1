"""The problem once more in plain numpy: full measurement matrices, one member at a time, no svec: the oracle."""

from __future__ import annotations

import numpy as np

from engines.subgradient_recovery.config import SubgradientRecovery


class Plain:
    """One draw in the documented order of one stream, every A_i as a full symmetric matrix `[m, d, d]`."""

    def __init__(self, config: SubgradientRecovery) -> None:
        self.config = config
        d, m, stream = config.d, config.m, np.random.default_rng(config.seed)
        self.V = np.linalg.qr(stream.standard_normal((d, config.r)))[0]
        packed = stream.standard_normal((m, d * (d + 1) // 2))
        self.A = np.zeros((m, d, d))
        place = 0
        for i in range(d):
            for j in range(i, d):
                share = 1.0 if i == j else 1 / np.sqrt(2)
                self.A[:, i, j] = self.A[:, j, i] = share * packed[:, place]
                place += 1
        self.X = self.V @ np.diag(config.sigma) @ self.V.T
        count = round(config.outlier_fraction * m)
        where = np.sort(stream.permutation(m)[:count])
        self.s = np.zeros(m)
        clean = np.array([np.sum(a * self.X) for a in self.A])
        if config.outlier_kind == "gaussian":
            self.s[where] = config.outlier_scale * stream.standard_normal(count)
        elif config.outlier_kind == "cauchy":
            self.s[where] = config.outlier_scale * stream.standard_cauchy(count)
        elif config.outlier_kind == "uniform":
            self.s[where] = config.outlier_scale * stream.uniform(-1, 1, count)
        elif config.outlier_kind == "constant":
            self.s[where] = config.outlier_scale
        else:
            self.s[where] = -2 * clean[where]
        self.s = self.s + config.noise * stream.standard_normal(m)
        self.y = clean + self.s

    def residuals(self, U: np.ndarray) -> np.ndarray:
        return np.array([np.sum(a * (U @ U.T)) for a in self.A]) - self.y

    def loss(self, U: np.ndarray) -> float:
        return float(np.abs(self.residuals(U)).mean())

    @property
    def true_loss(self) -> float:
        return float(np.abs(self.s).mean())

    def weighted(self, z: np.ndarray) -> np.ndarray:
        """(1/m) sum z_i A_i, a loop over measurements."""
        return sum(weight * a for weight, a in zip(z, self.A, strict=True)) / len(self.A)

    def signs(self, U: np.ndarray) -> np.ndarray:
        """Q(U)."""
        return self.weighted(np.sign(self.residuals(U)))

    def spectral(self) -> np.ndarray:
        """U_0 of the small spectral start."""
        values, vectors = np.linalg.eigh(self.weighted(np.sign(self.y)))
        order = np.argsort(values)[::-1][: self.config.k]
        return self.config.alpha * vectors[:, order] * np.sqrt(np.maximum(values[order], 0))

    def truncated(self) -> np.ndarray:
        """U_0 of the truncated start."""
        kept = np.argsort(np.abs(self.y))[: round((1 - self.config.trim_fraction) * len(self.y))]
        mean = sum(self.y[i] * self.A[i] for i in kept) / len(kept)
        values, vectors = np.linalg.eigh(mean)
        order = np.argsort(values)[::-1][: self.config.k]
        return vectors[:, order] * np.sqrt(np.maximum(values[order], 1e-12))


def norm(Q: np.ndarray) -> float:
    """Operator norm by singular values."""
    return float(np.linalg.svd(Q, compute_uv=False)[0])
