"""How much of NC1 a proximal layer leaves, over both weight decays and beta, with the law near collapse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from engines.core.analysis.sweep_helpers import law, worst
from engines.core.analysis.verdict_helpers import verdict
from engines.core.protocol.declarations import Line, NamedSweep, Verdict

if TYPE_CHECKING:
    from xarray import DataArray, Dataset

MEASURE = "final(nc1_ratio)"

QUARTER = "λ_H = β² λ_W: a quarter is left"


def left(data: Dataset, config: Any) -> DataArray:
    """NC1 of the layer's output over that of its input."""
    return data[MEASURE]


def lines(data: Dataset, config: Any) -> list[Line]:
    """Draw where a quarter is left, for each beta: `(1 + sqrt(lambda_H/lambda_W)/beta)^-2 = 1/4`."""
    w = np.geomspace(data["lambda_w"].values.min(), data["lambda_w"].values.max(), 60)
    return [Line(w, beta**2 * w, QUARTER, {"beta": beta}) for beta in data["beta"].values]


def judge(data: Dataset, config: Any) -> list[Verdict]:
    """Judge that what is left is the law's at every point."""
    predicted = law(data, config, lambda each: (1 + each.a / each.beta) ** -2, ["lambda_w", "lambda_h", "beta"])
    text = "NC1 left, over (1 + √(λ_H/λ_W)/β)⁻², where it is farthest"
    return [verdict(text, [worst(data[MEASURE] / predicted, least=1.0)], 1.0, 0.01)]


SWEEPS = (
    NamedSweep(
        name="weight_decay",
        title="NC1 that a layer leaves, over λ_W, λ_H and β",
        look_for="λ_H damps the spread, λ_W shelters it: only their ratio counts, against β.",
        set={"model": "proximal", "epsilon": 1e-4, "lambda_w": [float(f"{w:.4g}") for w in np.geomspace(0.05, 1.6, 8)],
             "lambda_h": [float(f"{h:.4g}") for h in np.geomspace(0.01, 0.5, 8)], "beta": [0.3, 1.0, 3.0]},
        small={"lambda_w": [0.1, 0.4, 1.6], "lambda_h": [0.05, 0.2, 0.5], "beta": [0.3, 3.0]},
        steps=80,
        measures=(MEASURE,),
        across="lambda_w",
        up="lambda_h",
        label="NC1 over that of the input",
        value=left,
        lines=lines,
        judge=judge,
        source="Theorem 4.2 near collapse; the closed form is derived",
    ),
)  # fmt: skip
