"""Verdicts on presets about proximal layers of any input."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from engines.core.analysis.curve_fits import slope
from engines.core.analysis.verdict_helpers import below, final, finals, ratio, verdict
from engines.core.protocol.declarations import Verdict
from engines.core.protocol.engine import RunData
from engines.neural_collapse.verdicts.common import all_members, log_slope


def sweep(run: RunData) -> list[Verdict]:
    """Judge P3: one layer against the flow for the time 1/beta."""
    layer, flow = run.where(model="proximal"), run.where(model="central_path")
    pairs = [(i, j) for i in layer for j in flow if _alike(run, i, j)]
    weak = [(i, j) for i, j in pairs if 10 <= run.configs[i].beta <= 100]
    return [
        below("spread within classes over its bound (β/(β+λ_H))² Tr Σ_W(0)", [_bound(run, i) for i in layer], 1.0),
        below("trace ratio: flow over layer", [_against(run, j, i) for i, j in pairs], 1.0 + 1e-9),
        verdict("β = 10 and 100: power of β in layer minus flow", _orders(run, weak), -2.0, 0.15),
    ]


def _alike(run: RunData, i: int, j: int) -> bool:
    one, other = run.configs[i], run.configs[j]
    return one.seed == other.seed and one.beta == other.beta


def _against(run: RunData, i: int, j: int) -> float | None:
    return ratio(*finals(run, "nc1_trace_ratio", (i, j)))


def _bound(run: RunData, i: int) -> float | None:
    config, value = run.configs[i], final(run, "trace_within", i)
    return ratio(value, run["trace_within"][0, i] * (config.beta / (config.beta + config.lambda_h)) ** 2)


def _orders(run: RunData, pairs: Iterable[tuple[int, int]]) -> list[float | None]:
    """Powers of beta in the difference of the logarithms of the trace ratios, one for each seed."""
    by_seed: dict[int, list[tuple[float, float | None]]] = {}
    for i, j in pairs:
        by_seed.setdefault(run.configs[i].seed, []).append((run.configs[i].beta, _against(run, i, j)))
    return [_order(points) for points in by_seed.values()]


def _order(points: list[tuple[float, float | None]]) -> float | None:
    logs = [(np.log(beta), np.log(abs(np.log(value)))) for beta, value in points if value is not None]
    return slope(*np.array(logs).T, fewest=2) if len(logs) == len(points) else None


def depth(run: RunData) -> list[Verdict]:
    """Judge P5: the logarithms of both measures of NC1 fall along straight lines over the layers."""
    members = all_members(run)
    configs = run.configs
    outside = [-2 * np.log1p(c.lambda_h / c.beta) for c in configs]
    within = [-2 * np.log1p(c.a / c.beta) for c in configs]
    return [
        verdict("slope of the log trace ratio, late, over −2 ln(1+λ_H/β)",
                [ratio(log_slope(run, "nc1_trace", i, 128, 160), outside[i]) for i in members], 1.0, 1e-2),
        verdict("slope of log NC1, late, over −2 ln(1+a/β)", [ratio(_late(run, i), within[i]) for i in members],
                1.0, 2e-2),
    ]  # fmt: skip


def _late(run: RunData, i: int) -> float | None:
    """Slope of the logarithm of NC1 over the last fifth of the layers with NC1 > e^-50."""
    if final(run, "nc1", i) is None:
        return None
    steps, values = run.curve("nc1", i)
    end = float(steps[values > np.exp(-50)][-1])
    return log_slope(run, "nc1", i, 0.8 * end, end)


TABLE = {
    (0.05, 10.0): (0.992, 0.341, 0.553), (0.05, 3.0): (0.680, 0.121, 0.424), (0.05, 1.0): (0.431, 0.0366, 0.294),
    (0.05, 0.3): (0.218, 6.3e-3, 0.170), (0.05, 0.1): (0.089, 7.7e-4, 0.092), (0.05, 0.01): (0.0037, 7.6e-6, 0.015),
    (0.005, 10.0): (1.166, 0.421, 0.609), (0.005, 3.0): (1.023, 0.253, 0.556), (0.005, 1.0): (0.846, 0.135, 0.480),
    (0.005, 0.3): (0.612, 0.0529, 0.364), (0.005, 0.1): (0.399, 0.0156, 0.250), (0.005, 0.01): (0.084, 1.2e-4, 0.082),
}  # fmt: skip
"""Reference trace ratio, NC1 by the pseudo-inverse, and NC2 of the simplex, by lambda_W and beta: digits, seed 0."""


def digits(run: RunData) -> list[Verdict]:
    """Judge P8: pixels of digits as the input of one layer."""
    names = {"nc1_trace": "trace ratio", "nc1": "NC1", "nc2_etf": "NC2 of the simplex"}
    return [
        verdict(f"{label} over that of seed 0", [_table(run, i, channel, place) for i in all_members(run)], 1.0, 0.06)
        for place, (channel, label) in enumerate(names.items())
    ]


def _table(run: RunData, i: int, channel: str, place: int) -> float | None:
    config = run.configs[i]
    return ratio(final(run, channel, i), TABLE[config.lambda_w, config.beta][place])
