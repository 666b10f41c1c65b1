"""Verdicts on presets of the quadratic and of the line: exact risks, tuned rates, speed-ups, growth of estimates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engines.core.analysis.curve_fits import slope
from engines.core.analysis.verdict_helpers import above, below, final, ratio, verdict
from engines.core.protocol.declarations import Verdict
from engines.core.protocol.engine import RunData
from engines.optimizer_dynamics import risk
from engines.optimizer_dynamics.config import OptimizerDynamics
from engines.optimizer_dynamics.learning_rate_schedules import SCHEDULE_LABELS
from engines.optimizer_dynamics.scenes.line import ROOT_THREE, TRIBONACCI
from engines.optimizer_dynamics.speed import parabola_minimum, steps_to_equal

CHANCE = "of the mean of 64 runs: beyond four by chance once in 6,000 claims"


def risk_at(run: RunData, member: int, step: int) -> float | None:
    """Excess risk at a step, interpolated on logarithms; None before it is reached, infinite where it diverged."""
    if not len(run) or run.steps[-1] < step:
        return None
    steps, values = run.curve("risk", member)
    if steps[-1] < step:
        return np.inf
    return float(np.exp(np.interp(np.log(step), np.log(np.maximum(steps, 1)), np.log(values))))


def tuned(run: RunData, members: Sequence[int], step: int) -> tuple[float, float] | None:
    """Best rate and its risk at a step, over members that differ in their rates; None before it."""
    risks = [risk_at(run, i, step) for i in members]
    if None in risks or not risks:
        return None
    return parabola_minimum(np.array([run.configs[i].eta for i in members]), np.array(risks, dtype=float))


def sampled_mean(run: RunData) -> list[Verdict]:
    """Judge O6: the mean of sampled runs is the exact risk, under every schedule."""
    verdicts = []
    for schedule in dict.fromkeys(config.schedule for config in run.configs):
        members = run.where(schedule=schedule)
        ends = [final(run, "risk", i) for i in members]
        config = run.configs[members[0]]
        away = None
        if None not in ends:
            exact = float(risk.expected(config, np.array([config.horizon]))[0])
            error = np.std(ends, ddof=1) / len(ends) ** 0.5  # type: ignore[arg-type]
            away = float((np.mean(ends) - exact) / error)  # type: ignore[arg-type]
        claim = f"{SCHEDULE_LABELS[schedule]}: mean risk at the end less the exact one, in standard errors"
        verdicts.append(verdict(claim, [away], 0.0, 4.0, CHANCE))
    return verdicts


def power_law(run: RunData) -> list[Verdict]:
    """Judge O7: the best rate falls with the budget as a power, and a schedule changes the power."""
    claims = {"constant": (-0.38, 0.02, -0.415, 0.015), "linear": (-0.235, 0.02, -0.51, 0.015)}
    verdicts = []
    for schedule, (rate, off, excess, within) in claims.items():
        budgets = sorted({config.horizon for config in run.configs})
        best = [tuned(run, _grid(run, schedule, T), T) for T in budgets]
        slopes: list[float | None] = [None, None]
        if None not in best:
            points = np.log(np.array(best))
            slopes = [slope(np.log(budgets), points[:, column], fewest=2) for column in (0, 1)]
        verdicts.append(verdict(f"{schedule}: power of T in the best rate", slopes[:1], rate, off))
        verdicts.append(verdict(f"{schedule}: power of T in the risk", slopes[1:], excess, within))
    return verdicts


def _grid(run: RunData, schedule: str, horizon: int, **knobs: object) -> list[int]:
    """Members of one tuning: a constant rate is read at any budget off its longest run."""
    if schedule == "constant" and not run.where(schedule=schedule, horizon=horizon, **knobs):
        horizon = max(config.horizon for config in run.configs if config.schedule == "constant")
    return run.where(schedule=schedule, horizon=horizon, **knobs)


def schedules_cross(run: RunData) -> list[Verdict]:
    """Judge O8: the schedule that wins loses until late."""
    table = {
        "constant": (0.0455, 0.0350, 0.0285),
        "linear": (0.0575, 0.0390, 0.0153),
        "cosine": (0.0640, 0.0397, 0.0154),
    }
    return [
        verdict(f"{name}: excess risk at step {step}", [risk_at(run, i, step) for i in run.where(schedule=name)], value,
                0.01 * value)
        for name, values in table.items() for step, value in zip((1024, 2048, 4096), values, strict=True)
    ]  # fmt: skip


BEST = {
    "constant": {1: 0.01723, 4: 0.01692, 16: 0.01578, 64: 0.01188, 256: 0.00563},
    "linear": {1: 0.0852, 4: 0.0842, 16: 0.0795, 64: 0.0297, 256: 0.0076},
}
"""Best rate over batch for 4096 samples: minima of the exact risk, on a fine grid."""


def batch_sizes(run: RunData) -> list[Verdict]:
    """Judge O9: at a fixed number of samples the best rate is proportional to the batch size, then capped."""
    verdicts = []
    for schedule, table in BEST.items():
        for batch_size, value in table.items():
            best = tuned(run, run.where(schedule=schedule, batch_size=batch_size), 4096 // batch_size)
            share = None if best is None else best[0] / batch_size
            verdicts.append(verdict(f"{schedule}, B = {batch_size}: best rate over B", [share], value, 0.03 * value))
    return verdicts


def advantage(run: RunData) -> list[Verdict]:
    """Judge O10: a preconditioner loses early, wins late, and its advantage shrinks with size."""
    claims = {(30, 64): 0.88, (30, 1024): 1.38, (300, 64): 0.66, (300, 1024): 0.96}
    verdicts = []
    for (dimension, T), value in claims.items():
        base = _curve(run, dimension, 0.0)
        own = tuned(run, run.where(dimension=dimension, precondition=0.5, horizon=T), T)
        speed = None if own is None or base is None else ratio(steps_to_equal(*base, own[1]), T)
        claim = f"d = {dimension}, T = {T}: steps of tuned SGD over those of H^{{−½}}"
        verdicts.append(verdict(claim, [speed], value, 0.05))
    return verdicts


def _curve(run: RunData, dimension: int, power: float) -> tuple[np.ndarray, np.ndarray] | None:
    """Budgets, and the risks that tuned runs reach in them; None while one is missing."""
    members = run.where(dimension=dimension, precondition=power)
    budgets = sorted({run.configs[i].horizon for i in members if _is_tuning(run.configs[i])})
    best = [tuned(run, run.where(dimension=dimension, precondition=power, horizon=T), T) for T in budgets]
    if None in best:
        return None
    return np.array(budgets), np.array([one[1] for one in best if one])


def _is_tuning(config: OptimizerDynamics) -> bool:
    return config.schedule == "linear"


WEAK = {1 / 8: 5.34, 1 / 4: 2.40, 1 / 2: 1.29, 2.0: 1.35, 4.0: 4.17}
"""Speed-up of a tuned run over one at so many times the best rate, T = 1024."""


def weak_baseline(run: RunData) -> list[Verdict]:
    """Judge O11: how much faster a tuned run looks than the same method at another rate."""
    base = _curve(run, 300, 0.0)
    best = tuned(run, run.where(horizon=1024), 1024)
    verdicts = []
    for times, value in WEAK.items():
        speed = None
        if base is not None and best is not None:
            grid = run.where(horizon=1024)
            rates = np.log([run.configs[i].eta for i in grid])
            risks = np.log([risk_at(run, i, 1024) or np.inf for i in grid])
            reached = float(np.exp(np.interp(np.log(times * best[0]), rates, risks)))
            steps = steps_to_equal(*base, reached)
            speed = None if steps is None else 1024 / steps
        claim = f"rate x {times:g}: 1024 steps over those of a tuned run"
        verdicts.append(verdict(claim, [speed], value, 0.04 * value))
    return verdicts


def line_race(run: RunData) -> list[Verdict]:
    """Judge O12: straight lines, and a bent one."""
    return [
        verdict("D-Adaptation: growth of d in a step, √3", [_growth(run, i) for i in run.where(method="dadapt_sgd")],
                ROOT_THREE, 1e-4),
        verdict("DoWG: growth of d in a step, the tribonacci constant",
                [_growth(run, i) for i in run.where(method="dowg")], TRIBONACCI, 1e-4),
        *(verdict(f"{name}: steps to |x| ≥ 1", [_first(run, i) for i in run.where(method=method)], steps, 0.5)
          for name, method, steps in (("DoG", "dog", 80), ("D-Adaptation", "dadapt_sgd", 27), ("DoWG", "dowg", 24),
                                      ("Prodigy", "prodigy", 15), ("D-Adaptation of Adam", "dadapt_adam", 12))),
    ]  # fmt: skip


def _growth(run: RunData, member: int) -> float | None:
    """Growth of the estimate in the last step below a hundredth of the distance; None before it."""
    steps, d = run.curve("d_estimate", member)
    small = np.flatnonzero(d < run.configs[member].goal / 100)
    if len(small) < 2 or (small[-1] == len(d) - 1 and not _over(run)):
        return None
    end = small[-1]
    return float((d[end] / d[end - 1]) ** (1 / (steps[end] - steps[end - 1])))


def _first(run: RunData, member: int) -> float | None:
    steps, x = run.curve("distance", member)
    far = np.flatnonzero(x >= 1)
    if not len(far):
        return float(10 * steps[-1]) if _over(run) else None
    return float(steps[far[0]])


def _over(run: RunData) -> bool:
    return run.preset is not None and run.steps[-1] >= run.preset.steps


def momentum(run: RunData) -> list[Verdict]:
    """Judge O16: means of 64 sampled runs lie on the exact risk of every method; which of them let go of the noise."""
    members = range(len(run.configs))
    plain = [final(run, "risk", i) for i in run.where(method="gd", average="none")]

    def over(**knobs: object) -> list[float | None]:
        found = [final(run, "risk", i) for i in run.where(**knobs)]
        return [ratio(a, b) for a, b in zip(found, plain, strict=True)]

    exact = [None if f is None else f / float(risk.expected(run.configs[i], np.array([120]))[0])
             for i in members for f in [final(run, "risk", i)]]  # fmt: skip
    gain = over(method="heavy_ball")
    return [
        verdict("exact risk at the end over that of the same knobs alone", exact, 1.0, 1e-9),
        verdict("mean of sampled runs less the exact risk, in standard errors", [_away(run, i) for i in members], 0.0,
                4.5, "the worst of twelve steps and five methods, 64 runs each: beyond by chance once in 500"),
        verdict("heavy ball at η(1 − β) over gradient descent: risk at the end", gain, 1.0, 0.1),
        above("mean of all iterates over the last: risk at the end", over(average="polyak"), 1.5),
        below("Schedule-Free over gradient descent: risk at the end", over(method="schedule_free"), 0.9),
    ]  # fmt: skip


def _away(run: RunData, member: int) -> float | None:
    result = run.probe_results.get(("monte_carlo", member))
    if result is None:
        return None
    exact = risk.expected(run.configs[member], np.asarray(result["steps"]))
    z = (np.asarray(result["mean"]) - exact) / np.asarray(result["error"])
    return float(z[np.abs(z).argmax()])
