"""The rate of asymmetric descent over the size of its start and its width, with the law of the idle directions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from engines.core.analysis.curve_fits import slope
from engines.core.analysis.sweep_helpers import law, level_line, worst
from engines.core.analysis.verdict_helpers import verdict
from engines.core.protocol.declarations import Line, NamedSweep, Verdict
from engines.matrix_sensing import laws

if TYPE_CHECKING:
    from xarray import DataArray, Dataset

MEASURE = "rate(error, 1e-10, 1e-05)"

LARGEST = 0.46
"""Largest alpha whose rate is fitted by a power: above it the signal's own modes are as slow."""


def rates(data: Dataset, config: Any) -> DataArray:
    """Median rate over seeds; NaN where a run did not get so far."""
    return data[MEASURE].median("seed", skipna=False)


def foretold(data: Dataset, config: Any) -> DataArray:
    """Median over seeds of the rate that the start alone foretells."""
    return law(data, config, laws.late_rate, ["seed", "k", "alpha"]).median("seed")


def lines(data: Dataset, config: Any) -> list[Line]:
    """Draw where the law has one rate, for each decade and its half."""
    predicted = foretold(data, config)
    powers = np.log10([float(predicted.min()), float(predicted.max())])
    levels = 10.0 ** (np.arange(np.ceil(2 * powers[0]), np.floor(2 * powers[1]) + 1) / 2)
    lines = ((level, *level_line(predicted, "alpha", "k", level)) for level in levels)
    return [Line(alpha, k, f"law: rate {level:.1g}") for level, alpha, k in lines if len(k) > 1]


def judge(data: Dataset, config: Any) -> list[Verdict]:
    """Judge that measured rates are the law's everywhere, and grow like alpha squared at every width."""
    ratios = data[MEASURE] / law(data, config, laws.late_rate, ["seed", "k", "alpha"])
    small = rates(data, config).sel(alpha=data["alpha"] <= LARGEST).dropna("k", how="any")
    x = np.log(small["alpha"].values)
    slopes = [slope(x, np.log(small.sel(k=k).values), fewest=2) for k in small["k"].values] or [None]
    return [
        verdict("rate over that foretold from the start alone, where it is farthest", [worst(ratios)], 1.0, 0.1),
        verdict("exponent of α in the rate, at every k/n", slopes, 2.02, 0.15),
    ]


SWEEPS = (
    NamedSweep(
        name="rates",
        title="Rate over the start's size α and the width k",
        look_for="Wider is slower, a larger start faster: the rate is α² times what the spectrum of the start leaves.",
        set={"target": "general", "operator_seed": -1, "n": 20, "r": 2, "eta": 0.2, "k": [3, 5, 8, 11, 14],
             "alpha": [0.15, 0.2, 0.3, 0.45, 0.6], "seed": [0, 1, 2]},
        small={"n": 12, "k": [3, 5, 8], "alpha": [0.3, 0.45, 0.6], "seed": [0, 1], "steps": 6000},
        steps=30_000,
        measures=(MEASURE,),
        across="alpha",
        up="k",
        label="rate, per step",
        value=rates,
        lines=lines,
        judge=judge,
        source="figure 2b and P3, over k/n; the law is derived",
    ),
)  # fmt: skip
