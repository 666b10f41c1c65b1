"""The knobs of the matrix-sensing problem."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.core.protocol.config import Config, knob
from engines.core.protocol.errors import ConfigError

SPECTRA = ("linear", "equal", "geometric")


@dataclass(frozen=True, kw_only=True)
class MatrixSensing(Config):
    """Recover a rank-r matrix from m linear measurements by descending on its factors."""

    parameterization: str = knob(
        "asymmetric",
        "factor the matrix as XXᵀ (symmetric) or FGᵀ (asymmetric)",
        choices=("symmetric", "asymmetric"),
        label="model",
    )
    method: str = knob(
        "gd",
        "update rule; members of one ensemble may differ",
        choices=("gd", "one_step", "scaled_gd", "scaled_gd_lambda", "prec_gd", "agn", "nesterov"),
        labels={
            "gd": "gradient descent",
            "one_step": "one modified step",
            "scaled_gd": "ScaledGD",
            "scaled_gd_lambda": "ScaledGD(λ)",
            "prec_gd": "PrecGD",
            "agn": "alternating Gauss–Newton",
            "nesterov": "Nesterov",
        },
    )
    k: int = knob(
        5, "factor width: columns of F and G; k > r is over-parameterised", bounds=(1, 512), soft=(1, 25), label="k"
    )
    alpha: float = knob(0.3, "initialisation scale", bounds=(1e-150, 10), soft=(1e-4, 2), log=True, label="α")
    init_ratio: float = knob(
        1 / 3, "scale of G₀ over scale of F₀; 1 is balanced", bounds=(0, 10), soft=(0, 1.5), label="start ratio"
    )
    eta: float = knob(0.1, "step size", role="live", bounds=(1e-9, 10), soft=(1e-3, 2), log=True, label="η")
    seed: int = knob(0, "draws the starting point", bounds=(0, 2**31 - 1), soft=(0, 99))
    operator: str = knob(
        "identity",
        "what is measured: everything (identity), Gaussian inner products, rank-one ones, or entries",
        role="shape",
        choices=("identity", "gaussian", "gaussian_symmetric", "rank_one", "completion"),
        label="measurements",
        labels={
            "identity": "identity",
            "gaussian": "Gaussian",
            "gaussian_symmetric": "symmetric Gaussian",
            "rank_one": "rank one",
            "completion": "entries",
        },
    )
    n: int = knob(
        50, "rows of the unknown matrix", role="shape", bounds=(2, 4096), soft=(10, 200), more=True, label="rows"
    )
    n2: int = knob(
        0, "columns; 0 means as many as rows", role="shape", bounds=(0, 4096), soft=(0, 200), more=True, label="columns"
    )
    r: int = knob(
        3, "rank of the unknown matrix", role="shape", bounds=(1, 64), soft=(1, 10), more=True, label="rank r"
    )
    m: int = knob(
        2000, "measurements; not used by the identity", role="shape", bounds=(1, 10**6), soft=(100, 10000),
        log=True, more=True, label="m",
    )  # fmt: skip
    kappa: float = knob(
        5 / 3, "condition number: largest over smallest singular value of the truth", bounds=(1, 1e6),
        soft=(1, 100), log=True, more=True, label="κ",
    )  # fmt: skip
    spectrum: str = knob(
        "linear",
        "singular values from 1 to 1/κ: linear, equal or geometric; or a list such as 1:0.8:0.5",
        more=True,
    )
    target: str = knob(
        "psd",
        "whether the unknown matrix is positive semidefinite",
        choices=("psd", "general"),
        more=True,
        label="truth",
        labels={"psd": "positive semidefinite", "general": "general"},
    )
    init: str = knob(
        "random",
        "start: independent Gaussian F and G; G a copy of F; top eigenvectors of the data; orthonormal; F orthonormal "
        "and G zero",
        choices=("random", "copy", "spectral", "orthonormal", "unbalanced"),
        more=True,
        label="start",
        labels={
            "random": "random start",
            "copy": "G a copy of F",
            "spectral": "spectral start",
            "orthonormal": "orthonormal start",
            "unbalanced": "G = 0",
        },
    )
    init_variance: str = knob(
        "1/n", "variance of the entries of a Gaussian start, times α²", choices=("1/n", "1"), more=True,
        old_names=("init_norm",), label="variance of the start", labels={"1/n": "1/n", "1": "1"},
    )  # fmt: skip
    gradient_factor: int = knob(
        1, "gradient convention of the symmetric model: 1 or 2 times the adjoint of the residual", bounds=(1, 2),
        soft=(1, 2), more=True, old_names=("grad_factor",), label="gradient factor",
    )  # fmt: skip
    beta: float = knob(
        0.7745966692414834, "scale of F after the one-step lift; the best is the root of the smallest singular value",
        bounds=(1e-3, 10), soft=(0.1, 2), log=True, more=True, label="β",
    )  # fmt: skip
    lift: str = knob(
        "full", "one-step lift: of every direction, or of those below β alone", choices=("full", "below_beta"),
        more=True, old_values={"low": "below_beta"}, labels={"full": "every direction",
        "below_beta": "directions below β"},
    )  # fmt: skip
    trigger: str = knob(
        "estimated", "when to lift: residual below a fraction of the estimated or the true σᵣ, or by hand only",
        choices=("estimated", "true", "manual"), more=True, old_values={"hand": "manual"},
        labels={"estimated": "estimated σᵣ", "true": "true σᵣ", "manual": "by hand"},
    )  # fmt: skip
    trigger_level: float = knob(
        0.1, "the fraction of σᵣ", bounds=(0, 1), soft=(0.01, 0.5), log=True, more=True, label="trigger level"
    )
    lift_at: int = knob(
        -1, "lift at this step, whatever the trigger says; -1: never", role="live", bounds=(-1, 10**9),
        soft=(-1, 1000), more=True, label="lift at step",
    )  # fmt: skip
    momentum: float = knob(
        0.9,
        "momentum of Nesterov's method",
        role="live",
        bounds=(0, 0.9999),
        soft=(0, 0.99),
        more=True,
        label="momentum μ",
    )
    damping: float = knob(
        0.2,
        "damping of ScaledGD(λ), in units of σᵣ",
        role="live",
        bounds=(0, 100),
        soft=(1e-3, 1),
        log=True,
        more=True,
        label="damping λ",
    )
    noise: float = knob(
        0.0,
        "standard deviation of the noise on each measurement",
        bounds=(0, 100),
        soft=(0, 1),
        more=True,
        label="noise",
    )
    operator_seed: int = knob(
        0, "draws the truth and the operator, shared by all members; -1: each member's own, from its seed",
        bounds=(-1, 2**31 - 1), soft=(-1, 99), more=True, label="seed of the problem",
    )  # fmt: skip
    precision: str = knob(
        "fp64", "arithmetic of the operator; factors stay in float64", role="shape",
        choices=("fp64", "fp32", "bf16"), more=True, label="arithmetic", labels={"fp64": "float64", "fp32": "float32",
        "bf16": "bfloat16"},
    )  # fmt: skip

    @property
    def rows(self) -> int:
        """n₁, the number of rows."""
        return self.n

    @property
    def columns(self) -> int:
        """n₂, the number of columns."""
        return self.n2 or self.n

    @property
    def symmetric(self) -> bool:
        """Whether the model is XXᵀ."""
        return self.parameterization == "symmetric"

    @property
    def dense(self) -> bool:
        """Whether the operator is a dense matrix: the one that has an arithmetic of its own."""
        return self.operator in ("gaussian", "gaussian_symmetric")

    @property
    def factor(self) -> int:
        """Factor on the step size: the gradient convention of the symmetric model, else 1."""
        return self.gradient_factor if self.symmetric else 1

    @property
    def sigma(self) -> np.ndarray:
        """Singular values of the truth `[r]`, decreasing."""
        if self.spectrum in SPECTRA:
            low = 1.0 if self.spectrum == "equal" else 1 / self.kappa
            return np.geomspace(1, low, self.r) if self.spectrum == "geometric" else np.linspace(1, low, self.r)
        return np.array([float(value) for value in self.spectrum.split(":")])

    @property
    def unknowns(self) -> int:
        """The dimension of the set of rank-r matrices that the model can reach."""
        if self.symmetric:
            return self.rows * self.r - self.r * (self.r - 1) // 2
        return (self.rows + self.columns - self.r) * self.r

    @property
    def psd(self) -> bool:
        """Whether the truth is positive semidefinite; a rectangular one cannot be."""
        return self.target == "psd" and self.rows == self.columns

    def check(self) -> None:
        """Raise `ConfigError` where the values contradict each other."""
        for broken, message in self._contradictions():
            if broken:
                raise ConfigError(f"MatrixSensing.{message}")

    def _contradictions(self) -> list[tuple[bool, str]]:
        smaller, entries, square = min(self.rows, self.columns), self.rows * self.columns, self.rows == self.columns
        return [
            (self.r > smaller, f"r={self.r} exceeds the smaller size of the matrix, {smaller}"),
            (self.k > smaller, f"k={self.k} exceeds the smaller size of the matrix, {smaller}"),
            (not self._spectrum_is_valid(), f"spectrum={self.spectrum!r} is none of {', '.join(SPECTRA)} and not "
             f"{self.r} decreasing positive numbers such as 1:0.8:0.5"),
            (self.symmetric and not square, f"n2={self.n2} must equal n={self.n} in the symmetric model"),
            (self.operator == "gaussian_symmetric" and not square,
             f"n2={self.n2} must equal n={self.n} for symmetric measurements"),
            (self.init == "copy" and not square, f"n2={self.n2} must equal n={self.n} for init=copy: G is a copy of F"),
            (self.symmetric and not self.psd, f"target={self.target} is out of reach of the symmetric model"),
            (self.operator == "completion" and self.m > entries, f"m={self.m} exceeds the {entries} entries there are"),
            (self.operator == "identity" and self.noise > 0,
             f"noise={self.noise:g} needs measurements: choose another operator than identity"),
            (self.symmetric and self.method in ("one_step", "agn"), f"method={self.method} needs the asymmetric model"),
            *self._singular(),
        ]  # fmt: skip

    def _singular(self) -> list[tuple[bool, str]]:
        """Say what makes the Gram matrices singular that a method without damping divides by."""
        undamped = self.method == "scaled_gd" or (self.method == "scaled_gd_lambda" and self.damping == 0)
        named = f"method={self.method}" + " with damping=0" * (self.method == "scaled_gd_lambda")
        zero = not self.symmetric and (self.init == "unbalanced" or (self.init != "spectral" and self.init_ratio == 0))
        return [
            (undamped and self.k > self.r, f"k={self.k} is too many for {named}, which divides by the factor's Gram "
             f"matrix: it needs k = r = {self.r}"),
            (zero and (undamped or self.method == "agn"), f"{named} cannot start from G₀ = 0, by whose Gram matrix it "
             "divides: choose another init, or init_ratio above 0"),
            (self.method == "agn" and self.init == "spectral" and self.k > self.r, f"k={self.k} is too many for "
             f"method={self.method} from the spectral start, which has rank r = {self.r}"),
        ]  # fmt: skip

    def _spectrum_is_valid(self) -> bool:
        try:
            sigma = self.sigma
        except ValueError:
            return False
        return len(sigma) == self.r and bool((np.diff(sigma) <= 0).all() and (sigma > 0).all())
