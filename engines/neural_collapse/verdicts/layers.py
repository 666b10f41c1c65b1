"""Presets about proximal layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from engines.core.engine import Verdict
from engines.core.judging import below, final, ratio, verdict
from engines.core.measures import slope
from engines.core.run import Run
from engines.neural_collapse import laws
from engines.neural_collapse.dense import blocks
from engines.neural_collapse.verdicts.common import everyone, last, log_slope

LEVELS = {"in the span": 0, "out of it": 1, "shape of the frame": 2, "rotation in the span": 3, "rotation out": 4}


def staircase(run: Run) -> list[Verdict]:
    """P1: the spectrum of the response, of the full matrix and along the run."""
    members, weak = everyone(run), run.where(beta=100.0)
    return [
        below("full matrix: farthest singular value from the five levels", _each(run, members, _off), 1e-10),
        verdict("share of singular values at 1, (1 − K/d)/n", _each(run, members, _ones), 0.06, 1e-12),
        verdict("β = 100: smallest singular value over 1 − a/β", _each(run, weak, _smallest), 1.0, 1e-4),
        verdict("β = 100: crosstalk over 2λ_H(1−c)/β", _each(run, weak, _crosstalk), 1.0, 5e-3),
        *(
            verdict(f"run: left {name}, over the formula", [_survives(run, i, place) for i in members], 1.0, 1e-3)
            for name, place in LEVELS.items()
        ),
    ]


def _each(run: Run, members: Iterable[int], measure: Callable[[Run, int], float]) -> list[float | None]:
    """A measure of the knobs alone, told once the run is over."""
    return [None if final(run, "nc1", i) is None else measure(run, i) for i in members]


def _off(run: Run, i: int) -> float:
    return float(np.abs(blocks(run.configs[i])[0] - laws.staircase(run.configs[i])).max())


def _ones(run: Run, i: int) -> float:
    return float((np.abs(blocks(run.configs[i])[0] - 1) < 1e-10).mean())


def _smallest(run: Run, i: int) -> float:
    config = run.configs[i]
    return float(blocks(config)[0][-1] / (1 - config.a / config.beta))


def _crosstalk(run: Run, i: int) -> float:
    config = run.configs[i]
    return float(blocks(config)[1][0] * config.beta / (2 * config.lambda_h * (1 - config.c)))


def _survives(run: Run, i: int, place: int) -> float | None:
    if final(run, "nc1", i) is None:
        return None
    return float(run["survival"][-1, i, place] / run["survival_theory"][-1, i, place])


def sweep(run: Run) -> list[Verdict]:
    """P3: one layer against the flow for as long as 1/beta."""
    layer, flow = run.where(model="proximal"), run.where(model="central_path")
    pairs = [(i, j) for i in layer for j in flow if _alike(run, i, j)]
    weak = [(i, j) for i, j in pairs if 10 <= run.configs[i].beta <= 100]
    return [
        below("spread within classes over its bound (β/(β+λ_H))² Tr Σ_W(0)", [_bound(run, i) for i in layer], 1.0),
        below("trace ratio: flow over layer", [_against(run, j, i) for i, j in pairs], 1.0 + 1e-9),
        below("trace ratio of a layer over the start's", last(run, "nc1_trace_ratio", layer), 1.0),
        verdict("β = 10 and 100: power of β in layer minus flow", _orders(run, weak), -2.0, 0.15),
        below("residual of the solver", last(run, "residual", layer), 1e-10),
    ]


def _alike(run: Run, i: int, j: int) -> bool:
    one, other = run.configs[i], run.configs[j]
    return one.seed == other.seed and one.beta == other.beta


def _against(run: Run, i: int, j: int) -> float | None:
    return ratio(*last(run, "nc1_trace_ratio", (i, j)))


def _bound(run: Run, i: int) -> float | None:
    config, value = run.configs[i], final(run, "trace_within", i)
    return ratio(value, run["trace_within"][0, i] * (config.beta / (config.beta + config.lambda_h)) ** 2)


def _orders(run: Run, pairs: Iterable[tuple[int, int]]) -> list[float | None]:
    """Power of beta in the difference of the logarithms of the trace ratios, of each seed."""
    found: dict[int, list[tuple[float, float | None]]] = {}
    for i, j in pairs:
        found.setdefault(run.configs[i].seed, []).append((run.configs[i].beta, _against(run, i, j)))
    return [_order(points) for points in found.values()]


def _order(points: list[tuple[float, float | None]]) -> float | None:
    known = [(np.log(beta), np.log(abs(np.log(value)))) for beta, value in points if value is not None]
    return slope(*np.array(known).T, fewest=2) if len(known) == len(points) else None


def perturbed(run: Run) -> list[Verdict]:
    """P4: the first-order response, over the size of the perturbation."""
    groups: dict[tuple[float, ...], list[int]] = {}
    for i, config in enumerate(run.configs):
        groups.setdefault((config.lambda_w, config.lambda_h, config.beta, config.seed), []).append(i)
    smallest = [min(members, key=lambda i: run.configs[i].epsilon) for members in groups.values()]
    return [
        verdict("power of ε in the error of the response", [_power(run, members) for members in groups.values()],
                1.0, 0.02),
        verdict("smallest ε: NC1 over the start's, over (1 + a/β)⁻²", [_nc1(run, i) for i in smallest], 1.0, 1e-4),
    ]  # fmt: skip


def _power(run: Run, members: list[int]) -> float | None:
    """From epsilon = 0.1 down."""
    small = [i for i in members if run.configs[i].epsilon <= 0.1]
    values = last(run, "response_error", small)
    if None in values:
        return None
    return slope(np.log([run.configs[i].epsilon for i in small]), np.log(np.array(values, float)), fewest=3)


def _nc1(run: Run, i: int) -> float | None:
    config = run.configs[i]
    return ratio(final(run, "nc1_ratio", i), (1 + config.a / config.beta) ** -2)


def lambdas(run: Run) -> list[Verdict]:
    """P6: the map of the two weight decays."""
    middle = float(np.median([config.lambda_w for config in run.configs]))
    return [
        verdict("NC1 over the start's, over (1 + a/β)⁻²", [_nc1(run, i) for i in everyone(run)], 1.0, 5e-3),
        verdict("change of log NC1 with λ_H, over its formula", [_change(run, "lambda_h", lambda_w=middle)], 1.0, 0.02),
        verdict("change of log NC1 with λ_W, over its formula",
                [_change(run, "lambda_w", lambda_h=float(np.median([c.lambda_h for c in run.configs])))],
                1.0, 0.02),
    ]  # fmt: skip


def _change(run: Run, knob: str, **fixed: float) -> float | None:
    """Change of log NC1 from the smallest to the largest value of a knob, over that of the formula."""
    members = sorted(run.where(**fixed), key=lambda i: getattr(run.configs[i], knob))
    values = last(run, "nc1_ratio", members)
    if not members or None in values:
        return None
    configs = [run.configs[i] for i in members]
    expected = [-2 * np.log1p(config.a / config.beta) for config in configs]
    if expected[0] == expected[-1]:
        return None
    return float(np.log(values[-1] / values[0]) / (expected[-1] - expected[0]))  # type: ignore[operator]


def depth(run: Run) -> list[Verdict]:
    """P5: straight lines over the layers."""
    members = everyone(run)
    configs = run.configs
    outside = [-2 * np.log1p(c.lambda_h / c.beta) for c in configs]
    within = [-2 * np.log1p(c.a / c.beta) for c in configs]
    return [
        verdict("slope of the log trace ratio, late, over −2 ln(1+λ_H/β)",
                [ratio(log_slope(run, "nc1_trace", i, 128, 160), outside[i]) for i in members], 1.0, 1e-2),
        verdict("slope of log NC1, late, over −2 ln(1+a/β)", [ratio(_late(run, i), within[i]) for i in members],
                1.0, 1e-2),
        below("residual of the solver", last(run, "residual", members), 1e-10),
    ]  # fmt: skip


def _late(run: Run, i: int) -> float | None:
    """Over the last fifth of the layers with NC1 > e^-50."""
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
"""NC1 by traces, by the pseudo-inverse, and NC2 of the simplex, by weight decay and beta: digits, seed 0."""


def digits(run: Run) -> list[Verdict]:
    """P8: pixels of digits as the input of one layer."""
    names = {"nc1_trace": "trace ratio", "nc1": "NC1", "nc2_etf": "NC2 of the simplex"}
    return [
        *(
            verdict(f"{label} over that of seed 0", [_table(run, i, channel, place) for i in everyone(run)], 1.0, 0.1)
            for place, (channel, label) in enumerate(names.items())
        ),
        below("residual of the solver", last(run, "residual", everyone(run)), 1e-6),
    ]


def _table(run: Run, i: int, channel: str, place: int) -> float | None:
    config = run.configs[i]
    return ratio(final(run, channel, i), TABLE[config.lambda_w, config.beta][place])
