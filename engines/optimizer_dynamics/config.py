"""The knobs of optimiser dynamics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.core.methods.names import DECOMPOSING, LARGEST, MATRIX, METHOD_LABELS, METHODS
from engines.core.protocol.config import Config, knob
from engines.core.protocol.errors import ConfigError
from engines.optimizer_dynamics.learning_rate_schedules import SCHEDULE_LABELS, SCHEDULES

SCENES = ("factorisation", "quadratic", "line", "edge", "network")

MOST_MODES = 8
"""Singular values that a target may have."""

EXACT_RISK = ("gd", "heavy_ball", "nesterov", "schedule_free", "adam")
"""Methods whose expected risk on the quadratic is followed without sampling; Adam's approximately."""


@dataclass(frozen=True, kw_only=True)
class OptimizerDynamics(Config):
    """A method of optimisation on a problem small enough for a law."""

    scene: str = knob(
        "factorisation",
        "what is learned: a matrix as a product of factors; a noisy power-law quadratic; a line; two or a few hundred "
        "parameters at the edge of stability; images of digits",
        role="shape", choices=SCENES,
    )  # fmt: skip
    method: str = knob(
        "gd", "update rule; members of one ensemble may differ", choices=(*METHODS, "own"), labels=METHOD_LABELS
    )
    own_method: str = knob(
        "", "your own method: its name among those that this program was started with; empty: the only one",
        label="name of your method",
    )  # fmt: skip
    eta: float = knob(
        0.01,
        "step size; of methods that find their own, what multiplies it",
        role="live",
        bounds=(1e-9, 1e3),
        soft=(1e-4, 1),
        log=True,
        label="η",
    )
    schedule: str = knob("constant", "how the step size falls", choices=tuple(SCHEDULES), labels=SCHEDULE_LABELS)
    horizon: int = knob(
        2000, "steps T over which the schedule runs", bounds=(1, 10**8), soft=(10, 10_000), log=True, label="horizon T"
    )
    alpha: float = knob(0.01, "size of the start", bounds=(0, 10), soft=(1e-4, 1), log=True, label="α")
    start: str = knob(
        "random",
        "Gaussian factors; factors aligned with the target, in a rotated basis; the same in the basis of the entries",
        choices=("random", "aligned", "diagonal"),
        labels={"random": "random", "aligned": "aligned, rotated", "diagonal": "aligned, not rotated"},
    )
    spectrum: str = knob(
        "4:2:1:0.5:0.25",
        "singular values of the target, decreasing, such as 4:2:1; or power:1.5:6 for i^−1.5, i = 1 to 6",
        role="shape",
        label="singular values",
    )
    depth: int = knob(2, "factors L of the product", role="shape", bounds=(2, 6), label="depth L")
    seed: int = knob(0, "draws basis, start, noise and minibatches", bounds=(0, 2**31 - 1), soft=(0, 99))
    dimension: int = knob(
        300, "directions d of the quadratic", role="shape", bounds=(1, 5000), soft=(10, 1000), label="directions d"
    )
    sampling: str = knob(
        "exact", "whether the expected risk is followed, without sampling, or one run of drawn samples", role="shape",
        choices=("exact", "sampled"),
    )  # fmt: skip
    batch_size: int = knob(
        1,
        "samples of one step",
        role="shape",
        bounds=(1, 65536),
        soft=(1, 256),
        log=True,
        old_names=("batch",),
        label="batch size B",
    )
    capacity: float = knob(
        1.5, "exponent a of the curvature, λᵢ = i⁻ᵃ", bounds=(0.1, 10), soft=(1, 3), more=True, label="exponent a"
    )
    source: float = knob(
        2.0,
        "exponent b of the risk at the start, λᵢ w*ᵢ² = i⁻ᵇ",
        bounds=(0.1, 10),
        soft=(1.1, 4),
        more=True,
        label="exponent b",
    )
    noise: float = knob(
        1.0, "standard deviation of the labels' noise", bounds=(0, 100), soft=(0, 2), label="label noise σ"
    )
    precondition: float = knob(
        0.0,
        "power of the curvature by which the gradient is divided, ½: by its root",
        bounds=(0, 1),
        soft=(0, 1),
        more=True,
        label="preconditioner",
    )
    goal: float = knob(
        1.0,
        "distance D of the minimiser of the line from the start",
        bounds=(1e-9, 1e12),
        soft=(1e-2, 1e6),
        log=True,
        label="distance D",
    )
    model: str = knob(
        "network", "what is at the edge: ½(xy − c)²; a valley ½ux² − αu; a network 8-12-10 on digits", role="shape",
        choices=("product", "valley", "network"),
    )  # fmt: skip
    product: float = knob(
        0.01, "xy at the start; of the valley, x", bounds=(-1e3, 1e3), soft=(0.001, 1), more=True, label="start xy"
    )
    sharpness: float = knob(
        2.5,
        "x² + y² at the start, the sharpness where c = 0; of the valley, u",
        bounds=(1e-6, 1e6),
        soft=(0.1, 20),
        log=True,
        label="start sharpness",
    )
    centre: float = knob(0.0, "c of the product", bounds=(-1e3, 1e3), soft=(0, 2), more=True, label="c")
    rise: float = knob(
        0.1, "α of the valley: how fast its curvature rises", bounds=(0, 1e3), soft=(0.01, 1), more=True, label="rise α"
    )
    flow_start: int = knob(
        -1,
        "step from which the central flow and the gradient flow are followed beside gradient descent; −1: never",
        role="live",
        bounds=(-1, 10**8),
        soft=(-1, 1000),
        more=True,
        label="flows from step",
    )
    rows: int = knob(16, "rows of the target", role="shape", bounds=(1, 512), soft=(4, 64), more=True, label="rows n")
    columns: int = knob(
        16, "columns of the target", role="shape", bounds=(1, 512), soft=(4, 64), more=True, label="columns m"
    )
    width: int = knob(
        16, "width of the factors between", role="shape", bounds=(1, 512), soft=(4, 64), more=True, label="width h"
    )
    beta1: float = knob(
        0.9,
        "momentum, or how much of the averaged gradient is kept",
        role="live",
        bounds=(0, 0.99999),
        soft=(0, 0.99),
        more=True,
        label="β₁",
    )
    beta2: float = knob(
        0.999,
        "how much of the averaged squares is kept",
        role="live",
        bounds=(0, 0.9999999),
        soft=(0.9, 0.9999),
        more=True,
        label="β₂",
    )
    eps: float = knob(
        1e-8,
        "what is added to the root of the averaged squares",
        bounds=(0, 1),
        soft=(1e-30, 1e-3),
        log=True,
        more=True,
        label="ε",
    )
    weight_decay: float = knob(
        0.0,
        "decoupled weight decay: parameters shrink by the factor 1 − η·decay",
        role="live",
        bounds=(0, 100),
        soft=(1e-4, 1),
        log=True,
        more=True,
        label="weight decay",
    )
    bias_correction: bool = knob(
        False, "whether RMSProp divides by 1 − β₂ᵗ, as PyTorch's does not", more=True, label="bias correction"
    )
    orthogonalise: str = knob(
        "newton_schulz",
        "how Muon makes a matrix orthogonal: five quintic steps, the same in bfloat16, exactly",
        choices=("newton_schulz", "newton_schulz_bf16", "polar"),
        more=True,
        labels={
            "newton_schulz": "Newton–Schulz",
            "newton_schulz_bf16": "Newton–Schulz in bfloat16",
            "polar": "polar factor",
        },
    )
    ns_steps: int = knob(5, "Newton–Schulz steps", bounds=(1, 30), soft=(1, 10), more=True, label="Newton–Schulz steps")
    look_ahead: bool = knob(
        True, "whether Muon looks ahead, as Nesterov's momentum does", more=True, label="look ahead"
    )
    scale: str = knob(
        "original",
        "factor of Muon's update: √max(1, rows/columns), 0.2 √max(rows, columns), or 1",
        choices=("original", "match_rms_adamw", "none"),
        more=True,
        labels={"original": "original", "match_rms_adamw": "as AdamW's", "none": "none"},
    )
    refresh: int = knob(
        10,
        "steps between two refreshes of SOAP's basis",
        bounds=(1, 10**7),
        soft=(1, 100),
        log=True,
        more=True,
        label="steps between refreshes",
    )
    damping: float = knob(
        0.1, "what ScaledGD adds to the Gram matrix that it divides by", bounds=(0, 100), soft=(1e-6, 1), log=True,
        more=True,
    )  # fmt: skip
    least_loss: float = knob(
        0.0, "f*, which Polyak's step must know", bounds=(-1e6, 1e6), soft=(0, 1), more=True, label="least loss f*"
    )
    d0: float = knob(
        1e-6,
        "first guess of the distance to the minimiser; relative to the start for DoG",
        bounds=(1e-12, 1e6),
        soft=(1e-8, 1),
        log=True,
        more=True,
        label="first guess d₀",
    )
    growth_rate: float = knob(
        1e9,
        "the most by which the distance may grow in one step",
        bounds=(1.0001, 1e9),
        soft=(1.02, 1e9),
        log=True,
        more=True,
        label="growth limit",
    )
    average: str = knob(
        "none",
        "whether the iterate counts, its moving average, or the mean of all",
        choices=("none", "ema", "polyak"),
        more=True,
        labels={"none": "no average", "ema": "moving average", "polyak": "mean of all"},
    )
    averaging: float = knob(
        0.99,
        "how much of the moving average is kept",
        bounds=(0, 0.99999),
        soft=(0.5, 0.999),
        more=True,
        label="kept average",
    )
    warmup: int = knob(0, "steps in which the step size rises", bounds=(0, 10**8), soft=(0, 1000), more=True)
    decay_fraction: float = knob(
        0.2,
        "share of the horizon in which a schedule with a decay falls",
        bounds=(0, 1),
        soft=(0.05, 1),
        more=True,
        label="decay share",
    )
    decay_start: int = knob(
        -1,
        "step at which the schedule with a decay begins it; −1: by its share",
        role="live",
        bounds=(-1, 10**8),
        soft=(-1, 10_000),
        more=True,
        label="decay from step",
    )
    floor: float = knob(0.0, "share of the step size at which a cosine ends", bounds=(0, 1), soft=(0, 0.5), more=True)
    power: float = knob(
        0.51, "exponent p of the schedule power, c (t+1)⁻ᵖ", bounds=(0, 4), soft=(0, 1), more=True, label="power p"
    )
    power_scale: float = knob(
        4.6, "c of the schedule power", bounds=(1e-6, 1e9), soft=(1, 100), log=True, more=True, label="power scale c"
    )

    @property
    def values(self) -> np.ndarray:
        """Singular values of the target `[r]`, decreasing. Raises `ValueError` where the text gives none."""
        first, *parameters = self.spectrum.split(":")
        if first != "power":
            return np.array([float(value) for value in (first, *parameters)])
        exponent, count = parameters
        if int(count) > MOST_MODES:
            raise ValueError(count)
        return np.arange(1.0, int(count) + 1) ** -float(exponent)

    @property
    def modes(self) -> int:
        """Modes that the factors can hold: the smallest of their sizes."""
        return min(self.rows, self.columns, self.width)

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Rows and columns of each factor, W_1 first."""
        sizes = [self.columns, *[self.width] * (self.depth - 1), self.rows]
        return tuple((sizes[i + 1], sizes[i]) for i in range(self.depth))

    @property
    def momentum(self) -> float:
        """The momentum that is in use: 0 for methods without."""
        return self.beta1 if self.method in ("heavy_ball", "nesterov", "muon") else 0.0

    def check(self) -> None:
        """Raise `ConfigError` where the values contradict each other."""
        own = {
            "factorisation": self._factors_are_wrong,
            "quadratic": self._risk_is_wrong,
            "line": self._line_is_wrong,
            "edge": self._edge_is_wrong,
            "network": self._network_is_wrong,
        }.get(self.scene, list)
        checks = [*self._schedule_is_wrong(), *own()]
        for broken, message in checks:
            if broken:
                raise ConfigError(f"OptimizerDynamics.{message}")

    def _schedule_is_wrong(self) -> list[tuple[bool, str]]:
        return [
            (self.warmup > self.horizon, f"warmup={self.warmup} exceeds horizon={self.horizon}"),
            (self.schedule == "wsd" and self.decay_fraction == 0,
             "decay_fraction=0 leaves the schedule wsd nothing to decay in; choose constant"),
            (self.decay_start >= self.horizon, f"decay_start={self.decay_start} is not before horizon={self.horizon}"),
            (self.method in ("schedule_free", "schedule_free_adam") and self.schedule != "constant",
             f"schedule={self.schedule} decays twice with method={self.method}, which averages: choose constant"),
        ]  # fmt: skip

    def _factors_are_wrong(self) -> list[tuple[bool, str]]:
        valid, largest = self._spectrum_is_valid(), max(self.rows, self.columns, self.width)
        aligned = self.start != "random"
        r, top = (len(self.values), self.values[0]) if valid else (0, 0)
        return [
            (not valid, f"spectrum={self.spectrum!r} is no list of decreasing positive numbers such as 4:2:1, nor a "
             f"power of at most {MOST_MODES} such as power:1.5:6"),
            (r > self.modes, f"spectrum has {r} singular values, more than the {self.modes} that the factors can hold"),
            (r > MOST_MODES, f"spectrum has {r} singular values; {MOST_MODES} is the limit"),
            (self.method in DECOMPOSING and largest > LARGEST,
             f"method={self.method} decomposes matrices of {largest} rows; the limit is {LARGEST}"),
            (self.method == "scaled_gd" and self.depth != 2,
             f"depth={self.depth} is too deep for method=scaled_gd, which needs two factors"),
            (self.method == "scaled_gd" and self.damping == 0 and (not aligned or self.alpha**2 <= self.eta * top),
             f"damping=0 throws method=scaled_gd to eta s/alpha in its first step: it needs an aligned start with "
             f"alpha² above eta s = {self.eta * top:.3g}, or damping above 0"),
        ]  # fmt: skip

    def _risk_is_wrong(self) -> list[tuple[bool, str]]:
        averaged = self.average != "none" and self.method != "gd"
        return [
            (self.method in MATRIX, f"method={self.method} needs matrices, and the quadratic has a vector"),
            (self.sampling == "exact" and self.method not in EXACT_RISK,
             f"method={self.method} has no exact risk, which {', '.join(EXACT_RISK)} have; choose sampling=sampled"),
            (self.sampling == "exact" and averaged,
             f"average={self.average} has an exact risk with method=gd alone; choose sampling=sampled"),
        ]  # fmt: skip

    def _line_is_wrong(self) -> list[tuple[bool, str]]:
        return [(self.method in MATRIX, f"method={self.method} needs matrices, and the line has one number")]

    def _edge_is_wrong(self) -> list[tuple[bool, str]]:
        apart = self.model == "product" and self.sharpness < 2 * abs(self.product)
        return [
            (self.method in MATRIX, f"method={self.method} needs matrices, and this scene has one vector"),
            (apart, f"sharpness={self.sharpness:g} is below twice product={self.product:g}: no x and y have both"),
        ]

    def _network_is_wrong(self) -> list[tuple[bool, str]]:
        return [(self.method == "scaled_gd", "method=scaled_gd needs two factors, and the network has three layers")]

    def _spectrum_is_valid(self) -> bool:
        try:
            values = self.values
        except ValueError:
            return False
        return bool(values.size and np.isfinite(values).all() and (np.diff(values) <= 0).all() and (values > 0).all())
