"""Phase diagrams of robust recovery: where a share of the seeds recovers the truth, and the line of Sign-RIP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from engines.core.analysis.curve_fits import slope
from engines.core.analysis.sweep_helpers import half_way, law, share_below
from engines.core.analysis.verdict_helpers import above, below, verdict
from engines.core.protocol.declarations import Line, NamedSweep, Verdict
from engines.subgradient_recovery import laws
from engines.subgradient_recovery.predictions import RECOVERED

if TYPE_CHECKING:
    from xarray import DataArray, Dataset

MEASURE = "final(relative_error)"

MOST = 6.0
"""Measurements at which half of the seeds recover, over those without which no signal leaves the noise, at most."""

LINE = "m = d ‖X*‖²/(2 φ² σ_r²)"

HEURISTIC = (
    "with fewer measurements no signal leaves the noise of the sub-gradient at the start (a deviation δ of "
    "Sign-RIP of 2/√r). That is necessary; how many are enough is measured, not derived: one to six times as many."
)

RECOVERS: dict[str, Any] = {"alpha": 1e-6, "eta0": 0.2, "budget": 0.0}


def success(data: Dataset, config: Any) -> DataArray:
    """Share of seeds that recover the truth."""
    return share_below(data, MEASURE, RECOVERED)


def _over_line(data: Dataset, config: Any, other: str) -> tuple[np.ndarray, np.ndarray]:
    """Half-way numbers of measurements at each value of the other knob, and these over the line."""
    half_successes = half_way(success(data, config).transpose(other, "m"), "m")
    needed = law(data, config, laws.threshold, [other]).values
    return half_successes, half_successes / needed


def _ends(ratios: np.ndarray) -> tuple[float | None, float | None]:
    if not np.isfinite(ratios).all():
        return None, None
    return float(ratios.min()), float(ratios.max())


def _band(ratios: np.ndarray) -> list[Verdict]:
    least, most = _ends(ratios)
    return [
        above("measurements at which half recover, over the line: least", [least], 1.0),
        below("the same: most", [most], MOST),
    ]


def judge_width(data: Dataset, config: Any) -> list[Verdict]:
    """Judge that the number of measurements does not depend on k > r, and that it is within its band of the line."""
    half_successes, ratios = _over_line(data, config, "k")
    wide = half_successes[data["k"].values > config.r]
    spread = float(wide.max() / wide.min()) if len(wide) and np.isfinite(wide).all() else None
    return [verdict("measurements at which half recover, k > r: most over least", [spread], 1.0, 0.15), *_band(ratios)]


def line_of_width(data: Dataset, config: Any) -> list[Line]:
    """Draw the line, which is the same for every k."""
    k = data["k"].values
    return [Line(np.full(len(k), laws.threshold(config)), k, LINE)]


def judge_outliers(data: Dataset, config: Any) -> list[Verdict]:
    """Judge that measurements grow with the share of outliers as the line does, within its band."""
    half_successes, ratios = _over_line(data, config, "outlier_fraction")
    kept = 1 - data["outlier_fraction"].values
    exponent = slope(np.log(kept), np.log(half_successes), fewest=2) if np.isfinite(half_successes).all() else None
    reason = "few dimensions: 2.5 to 2.8 were measured at d = 12 and 20, and a grid of measurements is coarse"
    return [
        verdict("exponent of 1 − p in the measurements at which half recover", [exponent], -2.0, 0.9, reason),
        *_band(ratios),
    ]


def line_of_outliers(data: Dataset, config: Any) -> list[Line]:
    """Draw how many measurements are needed over the share of outliers, as a line on the map."""
    fractions = data["outlier_fraction"].values
    p = np.linspace(fractions.min(), fractions.max(), 40)
    return [Line(p, np.array([laws.threshold(config.replace(outlier_fraction=float(each))) for each in p]), LINE)]


SWEEPS = (
    NamedSweep(
        name="width",
        title="Success over measurements m and search rank k",
        look_for="One border for all k > r: over-parameterisation costs no measurements.",
        set=RECOVERS | {"d": 20, "r": 1, "k": [1, 2, 3, 5, 10, 20], "m": [20, 28, 40, 56, 80, 112, 160],
                        "seed": list(range(10))},
        small={"d": 12, "k": [2, 4, 12], "m": [12, 24, 36, 54, 80], "seed": list(range(5)), "steps": 300},
        steps=600,
        measures=(MEASURE,),
        across="m",
        up="k",
        label="share of seeds that recover",
        value=success,
        lines=line_of_width,
        judge=judge_width,
        heuristic=HEURISTIC,
        source="main claim: sample size without k; the line is derived",
    ),
    NamedSweep(
        name="outliers",
        title="Success over the share p of outliers and measurements m",
        look_for="The border rises like 1/(1 − p)²: any share of outliers can be had for enough measurements.",
        set=RECOVERS | {"d": 20, "r": 1, "k": 20, "outlier_fraction": [0.0, 0.2, 0.4, 0.5, 0.6, 0.7],
                        "m": [20, 30, 45, 68, 100, 150, 230, 340, 500, 760, 1100], "seed": list(range(10))},
        small={"d": 12, "k": 12, "outlier_fraction": [0.0, 0.3, 0.6], "m": [16, 34, 72, 150, 310],
               "seed": list(range(5)), "steps": 300},
        steps=600,
        measures=(MEASURE,),
        across="outlier_fraction",
        up="m",
        label="share of seeds that recover",
        value=success,
        lines=line_of_outliers,
        judge=judge_outliers,
        heuristic=HEURISTIC,
        source="m ~ d/(1 − p)², shape recalled; the line is derived",
    ),
)  # fmt: skip
