"""The knobs of robust matrix recovery."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.core.protocol.config import Config, knob
from engines.core.protocol.errors import ConfigError

DECAYING = ("subgm", "subgm_frozen", "geometric")
"""Methods whose step shrinks by rho = 1 - eta0/budget at each iteration."""


@dataclass(frozen=True, kw_only=True)
class SubgradientRecovery(Config):
    """Recover a positive semidefinite rank-r matrix from m measurements, some of them gross outliers."""

    loss: str = knob(
        "l1",
        "how residuals are judged",
        choices=("l1", "l2", "huber"),
        labels={"l1": "absolute values", "l2": "squares", "huber": "Huber"},
    )
    method: str = knob(
        "subgm",
        "update rule; members of one ensemble may differ",
        choices=(
            "subgm", "subgm_frozen", "subgm_loss", "geometric", "gd", "polyak", "scaled_sm", "opsa", "opsa_gap",
            "trimmed", "median", "prox_linear", "dop",
        ), labels={"subgm": "sub-gradient", "subgm_frozen": "sub-gradient, frozen norm", "subgm_loss": "loss step",
        "geometric": "geometric steps", "gd": "gradient descent", "polyak": "Polyak", "scaled_sm": "ScaledSM",
        "opsa": "OPSA", "opsa_gap": "OPSA by the gap", "trimmed": "trimmed", "median": "median",
        "prox_linear": "prox-linear", "dop": "double over-parameterisation"},
    )  # fmt: skip
    k: int = knob(
        30, "search rank: columns of U; d is full over-parameterisation", bounds=(1, 1024), soft=(1, 60), label="k"
    )
    outlier_fraction: float = knob(
        0.2, "share p of measurements that are outliers", bounds=(0, 0.95), soft=(0, 0.8), label="outliers p"
    )
    alpha: float = knob(1e-8, "initialisation scale", bounds=(1e-40, 10), soft=(1e-12, 1), log=True, label="α")
    budget: float = knob(
        0.0, "total length B of all normalised steps; 0 sets it from the data and r. The steps shrink by ρ = 1 − η₀/B",
        role="live", bounds=(0, 1000), soft=(0, 100), label="budget B",
    )  # fmt: skip
    seed: int = knob(0, "draws the noise and a random start", bounds=(0, 2**31 - 1), soft=(0, 99))
    eta0: float = knob(
        0.15, "first step, relative to the norm of the direction", role="live", bounds=(1e-6, 1), soft=(0.01, 0.5),
        log=True, more=True, label="first step η₀",
    )  # fmt: skip
    init: str = knob(
        "spectral",
        "start: top eigenvectors of the signs of the data, α times; Gaussian, α times; top eigenvectors of "
        "the data without its largest entries; the truth plus α times noise",
        choices=("spectral", "random", "truncated", "truth"),
        more=True,
        label="start",
        labels={
            "spectral": "spectral start",
            "random": "random start",
            "truncated": "truncated start",
            "truth": "start at the truth",
        },
    )
    d: int = knob(30, "rows and columns of the unknown matrix", role="shape", bounds=(2, 1024), soft=(10, 100),
                  more=True, label="d")  # fmt: skip
    r: int = knob(2, "rank of the unknown matrix", role="shape", bounds=(1, 64), soft=(1, 6), more=True, label="rank r")
    m: int = knob(
        1200, "measurements", role="shape", bounds=(1, 10**6), soft=(100, 10000), log=True, more=True, label="m"
    )
    kappa: float = knob(
        1.0, "condition number: the eigenvalues fall geometrically from 1 to 1/κ", bounds=(1, 1e4),
        soft=(1, 30), log=True, more=True, label="κ",
    )  # fmt: skip
    outlier_kind: str = knob(
        "gaussian", "law of the outliers; a sign flip turns the clean measurement around",
        choices=("gaussian", "cauchy", "uniform", "constant", "sign_flip"), more=True,
        old_values={"gauss": "gaussian", "const": "constant", "signflip": "sign_flip"}, label="kind of outliers",
        labels={"gaussian": "Gaussian", "cauchy": "Cauchy", "uniform": "uniform", "constant": "constant",
        "sign_flip": "sign flips"},
    )  # fmt: skip
    outlier_scale: float = knob(
        100.0, "size of the outliers; the clean measurements are of size √r", bounds=(0, 1e6), soft=(0.1, 1e4),
        log=True, more=True, label="outlier size",
    )  # fmt: skip
    noise: float = knob(
        0.0,
        "standard deviation of Gaussian noise on every measurement",
        bounds=(0, 100),
        soft=(0, 1),
        more=True,
        label="noise",
    )
    huber_delta: float = knob(
        0.5, "residual beyond which Huber's loss is linear", bounds=(1e-6, 1e6), soft=(0.01, 10), log=True, more=True,
        old_names=("delta",), label="Huber’s δ",
    )  # fmt: skip
    trim_fraction: float = knob(
        0.2, "share of the largest that the trimmed method and the truncated start leave out", bounds=(0, 0.95),
        soft=(0, 0.8), more=True, old_names=("trim",), label="share left out",
    )  # fmt: skip
    median_threshold: float = knob(
        3.0, "the median method keeps residuals up to so many times their median", bounds=(0.1, 100), soft=(1, 10),
        log=True, more=True, old_names=("cut",), label="cut at medians",
    )  # fmt: skip
    damping: float = knob(
        0.01, "OPSA: what is added to UᵀU; in units of the loss gap for opsa gap", bounds=(0, 100), soft=(1e-3, 1),
        log=True, more=True, label="damping",
    )  # fmt: skip
    learning_rate_ratio: float = knob(
        0.03, "double over-parameterisation: step size of the outliers over that of the matrix", bounds=(0, 10),
        soft=(1e-3, 1), log=True, more=True, old_names=("ratio",), label="ratio of speeds",
    )  # fmt: skip
    operator_seed: int = knob(
        -1, "draws the truth and the operator, shared by all members; -1: each member's own, from its seed",
        bounds=(-1, 2**31 - 1), soft=(-1, 99), more=True, label="seed of the problem",
    )  # fmt: skip
    precision: str = knob(
        "fp64", "arithmetic of the operator; factors stay in float64", role="shape", choices=("fp64", "fp32"),
        more=True, label="arithmetic", labels={"fp64": "float64", "fp32": "float32"},
    )  # fmt: skip

    @property
    def sigma(self) -> np.ndarray:
        """Eigenvalues of the truth `[r]`, decreasing from 1."""
        return np.geomspace(1, 1 / self.kappa, self.r)

    @property
    def outliers(self) -> int:
        """How many measurements are outliers: exactly round(p m)."""
        return round(self.outlier_fraction * self.m)

    @property
    def unknowns(self) -> int:
        """Degrees of freedom of a rank-r matrix, d r - r(r-1)/2."""
        return self.d * self.r - self.r * (self.r - 1) // 2

    def check(self) -> None:
        """Raise `ConfigError` where the values contradict each other."""
        for broken, message in self._contradictions():
            if broken:
                raise ConfigError(f"SubgradientRecovery.{message}")

    def _contradictions(self) -> list[tuple[bool, str]]:
        exact = self.method in ("scaled_sm", "prox_linear")
        decays = self.method in DECAYING and self.budget > 0
        return [
            (self.r > self.d, f"r={self.r} exceeds the size of the matrix, d={self.d}"),
            (self.k > self.d, f"k={self.k} exceeds the size of the matrix, d={self.d}"),
            (self.k < self.r, f"k={self.k} is below the rank of the unknown matrix, r={self.r}"),
            (exact and self.k > self.r, f"k={self.k} must equal r={self.r} for the method {self.method}: it is "
             "singular in directions that the truth does not use"),
            (decays and self.budget <= self.eta0, f"budget={self.budget:g} must exceed the first step, "
             f"eta0={self.eta0:g}"),
        ]  # fmt: skip
