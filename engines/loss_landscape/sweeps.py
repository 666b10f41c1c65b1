"""The learning coefficient of linear maps over their width and true rank, against Aoyagi's closed form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engines.core.analysis.sweep_helpers import law, worst
from engines.core.analysis.verdict_helpers import verdict
from engines.core.protocol.declarations import NamedSweep, Verdict
from engines.loss_landscape import predictions
from engines.loss_landscape.learning_coefficient.closed_form import deep_linear

if TYPE_CHECKING:
    from xarray import DataArray, Dataset

MEASURE = "final(llc)"


def coefficients(data: Dataset, config: Any) -> DataArray:
    """Sampled coefficient over that of Aoyagi's formula at infinite b: 1 where they agree."""
    limit = law(data, config, lambda each: deep_linear(each.sizes, each.rank).value, ["widths", "rank"])
    return data[MEASURE] / limit


def judge(data: Dataset, config: Any) -> list[Verdict]:
    """Judge that the sampler finds the coefficient at its temperature, and that this is near the formula's limit."""
    finite = law(data, config, lambda each: predictions.laws(each)[0].value, ["widths", "rank"])
    text = "where it is farthest"
    return [
        verdict(f"sampled coefficient over λ(b), {text}", [worst(data[MEASURE] / finite, 0.9)], 1.0, 0.05),
        verdict(f"sampled coefficient over Aoyagi's λ, {text}", [worst(coefficients(data, config), 0.9)], 1.0, 0.15),
    ]


SWEEPS = (
    NamedSweep(
        name="coefficients",
        title="Learning coefficient over the width and rank of a linear map",
        look_for="Gibbs' sampler finds Aoyagi's λ at every width and rank; what is missing is what b = 10⁷ leaves.",
        set={"subject": "linear", "optimizer": "gibbs", "chains": 16, "burn_in": 500, "n_beta": 1e7,
             "widths": ["4-2-4", "4-3-4", "4-4-4", "4-5-4", "4-6-4"], "rank": [0, 1, 2]},
        small={"widths": ["3-2-3", "3-3-3"], "rank": [0, 1], "burn_in": 200, "steps": 800},
        steps=5000,
        measures=(MEASURE,),
        across="widths",
        up="rank",
        label="sampled λ over Aoyagi's",
        value=coefficients,
        judge=judge,
        source="Aoyagi and Watanabe 2005, Aoyagi 2024: recalled, confirmed by this sampling",
    ),
)  # fmt: skip
