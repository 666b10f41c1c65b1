"""Verdicts on presets about inputs near collapse: which perturbations survive a layer."""

from __future__ import annotations

from functools import partial

import numpy as np

from engines.core.analysis.curve_fits import slope
from engines.core.analysis.verdict_helpers import final, finals, ratio, verdict
from engines.core.protocol.declarations import Verdict
from engines.core.protocol.engine import RunData
from engines.neural_collapse import laws
from engines.neural_collapse.verdicts.common import all_members, each

LEVELS = {"in the span": 0, "out of it": 1, "shape of the frame": 2, "rotation in the span": 3, "rotation out": 4}


def staircase(run: RunData) -> list[Verdict]:
    """Judge P1: the shares that a layer leaves of five kinds of direction; the spectrum of the matrix is a probe."""
    return [
        verdict(f"left {name}, over the formula", each(run, all_members(run), partial(_survives, place)), 1.0, 1e-4)
        for name, place in LEVELS.items()
    ]


def _survives(place: int, run: RunData, i: int) -> float:
    config = run.configs[i]
    return float(run["survival"][-1, i, place] * (1 + laws.rates(config)[place] / config.beta))


def perturbed(run: RunData) -> list[Verdict]:
    """Judge P4: the first-order response, over the size of the perturbation."""
    groups: dict[tuple[float, ...], list[int]] = {}
    for i, config in enumerate(run.configs):
        groups.setdefault((config.lambda_w, config.lambda_h, config.beta, config.seed), []).append(i)
    smallest = [min(members, key=lambda i: run.configs[i].epsilon) for members in groups.values()]
    return [
        verdict("power of ε in the error of the response", [_power(run, members) for members in groups.values()],
                1.0, 0.02),
        verdict("smallest ε: NC1 over the start's, over (1 + a/β)⁻²", [_nc1(run, i) for i in smallest], 1.0, 1e-4),
    ]  # fmt: skip


def _power(run: RunData, members: list[int]) -> float | None:
    """Power of epsilon in the error of the response, from epsilon = 0.1 down."""
    small = [i for i in members if run.configs[i].epsilon <= 0.1]
    values = finals(run, "response_error", small)
    if None in values:
        return None
    return slope(np.log([run.configs[i].epsilon for i in small]), np.log(np.array(values, float)), fewest=3)


def _nc1(run: RunData, i: int) -> float | None:
    config = run.configs[i]
    return ratio(final(run, "nc1_ratio", i), (1 + config.a / config.beta) ** -2)


def lambdas(run: RunData) -> list[Verdict]:
    """Judge P6: NC1 after a layer over the map of the two weight decays."""
    middle = float(np.median([config.lambda_w for config in run.configs]))
    return [
        verdict("NC1 over the start's, over (1 + a/β)⁻²", [_nc1(run, i) for i in all_members(run)], 1.0, 5e-3),
        verdict("change of log NC1 with λ_H, over its formula", [_change(run, "lambda_h", lambda_w=middle)], 1.0, 0.02),
        verdict("change of log NC1 with λ_W, over its formula",
                [_change(run, "lambda_w", lambda_h=float(np.median([c.lambda_h for c in run.configs])))],
                1.0, 0.02),
    ]  # fmt: skip


def _change(run: RunData, knob: str, **fixed: float) -> float | None:
    """Change of log NC1 from the smallest to the largest value of a knob, over that of the formula."""
    members = sorted(run.where(**fixed), key=lambda i: getattr(run.configs[i], knob))
    values = finals(run, "nc1_ratio", members)
    if not members or None in values:
        return None
    configs = [run.configs[i] for i in members]
    expected = [-2 * np.log1p(config.a / config.beta) for config in configs]
    if expected[0] == expected[-1]:
        return None
    return float(np.log(values[-1] / values[0]) / (expected[-1] - expected[0]))  # type: ignore[operator]
