"""The model once more in plain numpy with every sample in H, one member at a time, formulas as printed: the oracle."""

from __future__ import annotations

import numpy as np

from engines.neural_collapse import draws
from engines.neural_collapse.config import NeuralCollapse


def features(config: NeuralCollapse) -> np.ndarray:
    """H0 `[d, N]`, columns class after class."""
    return draws.features(config)[0]


class Plain:
    """f(W, H; H0) of Eq. 2 with its block minimisers."""

    def __init__(self, config: NeuralCollapse, H0: np.ndarray | None = None) -> None:
        self.config = config
        self.K, self.n = config.classes, config.per_class
        self.Y = np.repeat(np.eye(self.K), self.n, axis=1)
        self.H0 = features(config) if H0 is None else H0

    def loss(self, W: np.ndarray, H: np.ndarray, beta: float = 0.0, b: np.ndarray | None = None) -> float:
        c, N = self.config, self.K * self.n
        error = W @ H - self.Y + (0 if b is None else b[:, None])
        hold = beta * np.sum((H - self.H0) ** 2) + c.lambda_h * np.sum(H**2)
        return float(np.sum(error**2) / (2 * N) + c.lambda_w * np.sum(W**2) / (2 * self.K) + hold / (2 * N))

    def gradient(self, W: np.ndarray, H: np.ndarray, beta: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """By W and by H, without a bias."""
        c, N = self.config, self.K * self.n
        E = W @ H - self.Y
        return E @ H.T / N + c.lambda_w * W / self.K, (W.T @ E + c.lambda_h * H + beta * (H - self.H0)) / N

    def ridge(self, H: np.ndarray) -> np.ndarray:
        return self.Y @ H.T @ np.linalg.inv(H @ H.T + self.n * self.config.lambda_w * np.eye(len(H)))

    def velocity(self, H: np.ndarray) -> np.ndarray:
        """Eq. 4."""
        W = self.ridge(H)
        return W.T @ (self.Y - W @ H) - self.config.lambda_h * H

    def flow(self, steps: int) -> np.ndarray:
        H, h = self.H0, self.config.step_size
        for _ in range(steps):
            k1 = self.velocity(H)
            k2 = self.velocity(H + h / 2 * k1)
            k3 = self.velocity(H + h / 2 * k2)
            k4 = self.velocity(H + h * k3)
            H = H + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return H

    def layer(self, steps: int = 3000) -> np.ndarray:
        """The minimiser by plain alternation."""
        H, c = self.H0, self.config
        for _ in range(steps):
            W = self.ridge(H)
            B = np.linalg.inv(W.T @ W + (c.lambda_h + c.beta) * np.eye(len(H)))
            H = B @ (W.T @ self.Y + c.beta * self.H0)
        return H

    # -- metrics by their definitions --------------------------------------------------------------------------

    def means(self, H: np.ndarray) -> np.ndarray:
        return H.reshape(len(H), self.K, self.n).mean(-1)

    def covariances(self, H: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sigma_W and Sigma_B."""
        M = self.means(H)
        D, C = H - np.repeat(M, self.n, axis=1), M - M.mean(1, keepdims=True)
        return D @ D.T / (self.K * self.n), C @ C.T / self.K

    def nc1(self, H: np.ndarray) -> float:
        within, between = self.covariances(H)
        return float(np.trace(within @ np.linalg.pinv(between, rcond=1e-10)) / self.K)

    def nc1_trace(self, H: np.ndarray) -> float:
        within, between = self.covariances(H)
        return float(np.trace(within) / np.trace(between))
