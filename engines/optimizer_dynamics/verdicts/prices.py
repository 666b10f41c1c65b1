"""Verdicts on what it costs to have no rate to tune: in a race, without noise, and in noise; and on tuning itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engines.core.analysis.verdict_helpers import above, below, finals, ratio, verdict
from engines.core.protocol.declarations import Verdict
from engines.core.protocol.engine import RunData
from engines.optimizer_dynamics import risk
from engines.optimizer_dynamics.scenes.network import rates_of
from engines.optimizer_dynamics.verdicts.factorisation import at_end
from engines.optimizer_dynamics.verdicts.race import speed_up, speed_up_bounds, trial_losses, tuned

METHODS_OF_O20 = ("adam", "muon", "soap", "lion", "heavy_ball", "gd")


def race_without_rates(run: RunData) -> list[Verdict]:
    """Judge O19: methods without a schedule keep up with tuned Adam, those that find their rate pay, and DoG most."""

    def bound(method: str, T: int, end: int) -> list[float | None]:
        return [speed_up_bounds(run, method, T)[end]]

    return [
        above("Schedule-Free AdamW at T = 100: speed-up over tuned Adam", bound("schedule_free_adam", 100, 0), 1.1),
        verdict("Schedule-Free at T = 100: speed-up over tuned Adam", [speed_up(run, "schedule_free", 100)], 0.95,
                0.23),
        below("Prodigy at T = 400: speed-up over tuned Adam", bound("prodigy", 400, 1), 1.0),
        above("Prodigy at T = 400 is not far behind: speed-up over tuned Adam", bound("prodigy", 400, 0), 0.4),
        below("DoG at T = 400: speed-up over tuned Adam", bound("dog", 400, 1), 0.6),
    ]  # fmt: skip


def all_trials(run: RunData) -> list[Verdict]:
    """Judge O20: few rates are good, most methods want one that falls, and five trials stand for eighteen."""
    T = run.configs[0].horizon
    ended = all(tuned(run, method, T) for method in METHODS_OF_O20)

    def each(value: Callable[[RunData, str, int], float], *methods: str) -> list[float | None]:
        return [value(run, method, T) if ended else None for method in methods]

    return [
        verdict("Adam, Muon, SOAP: rates of nine whose loss is within twice the best",
                each(_good, "adam", "muon", "soap"), 3.0, 1.0, COUNTED),
        verdict("gradient descent: rates of nine whose loss is within twice the best", each(_good, "gd"), 2.0, 1.0,
                COUNTED),
        below("Adam, Muon, Lion, heavy ball: best loss under a linear schedule over that at a constant rate",
              each(_falling, "adam", "muon", "lion", "heavy_ball"), 1.0),
        below("best loss of the five trials of O15 over that of all eighteen",
              each(_of_five, "adam", "muon", "soap", "lion", "heavy_ball"), 1.25),
    ]  # fmt: skip


COUNTED = "whole numbers of rates a factor of 2 apart"


def _good(run: RunData, method: str, T: int) -> float:
    """Count the rates under a linear schedule whose loss is within twice the best."""
    losses = [loss for (_, schedule), loss in trial_losses(run, method, T).items() if schedule == "linear"]
    return float(sum(loss <= 2 * min(losses) for loss in losses))


def _falling(run: RunData, method: str, T: int) -> float:
    """Return the best loss under a linear schedule over the best at a constant rate."""
    losses = trial_losses(run, method, T)
    best = {name: min(loss for (_, own), loss in losses.items() if own == name) for name in ("linear", "constant")}
    return best["linear"] / best["constant"]


def _of_five(run: RunData, method: str, T: int) -> float:
    """Return the best loss of a linear schedule at the middle rate and the four above it, over that of all trials."""
    losses = trial_losses(run, method, T)
    return min(losses[eta, "linear"] for eta in rates_of(method)[4:]) / min(losses.values())


def without_noise(run: RunData) -> list[Verdict]:
    """Judge O21: without noise Prodigy is nearly free, and DoG and DoWG are as good as tuned gradient descent."""
    best = {name: _mean_loss(run, name) for name in ("muon", "adam", "gd")}

    def over(method: str, other: str) -> list[float | None]:
        return [ratio(loss, best[other]) for loss in finals(run, "loss", run.where(method=method))]

    return [
        below("tuned Muon: last loss over tuned gradient descent's", [ratio(best["muon"], best["gd"])], 0.1),
        below("Prodigy: last loss over tuned gradient descent's", over("prodigy", "gd"), 0.5),
        below("Prodigy: last loss over tuned Adam's", over("prodigy", "adam"), 10.0),
        below("DoG: last loss over tuned gradient descent's", over("dog", "gd"), 2.0),
        below("DoWG: last loss over tuned gradient descent's", over("dowg", "gd"), 2.0),
        above("D-Adaptation of Adam: last loss over tuned Adam's", over("dadapt_adam", "adam"), 50.0),
    ]  # fmt: skip


def _mean_loss(run: RunData, method: str) -> float | None:
    """Mean loss at the end over the seeds of a method; None before the end."""
    losses = finals(run, "loss", run.where(method=method))
    return None if None in losses else float(np.mean(losses))  # type: ignore[arg-type]


NOISY = "few runs whose risks have a long tail"


def in_noise(run: RunData) -> list[Verdict]:
    """Judge O22: methods that find a rate and have no schedule keep its noise; the mean of DoWG's iterates does not."""
    exact = run.configs[run.where(method="gd", schedule="linear")[0]].replace(sampling="exact")
    least = float(risk.expected(exact, np.array([exact.horizon]))[0])

    def over(method: str, **knobs: object) -> list[float | None]:
        risks = finals(run, "risk", run.where(method=method, **knobs))
        return [None if None in risks else float(np.median(risks)) / least]  # type: ignore[arg-type]

    return [
        verdict("tuned, linear: median risk over the expected one", over("gd", schedule="linear"), 1.0, 0.4, NOISY),
        above("tuned, constant, over tuned", over("gd", schedule="constant"), 1.4),
        below("DoWG, mean of all iterates, over tuned", over("dowg", average="polyak"), 1.8),
        below("Schedule-Free, over tuned", over("schedule_free"), 2.5),
        below("DoG, last iterate, over tuned", over("dog", average="none"), 6.0),
        above("DoG, mean of all iterates, over tuned", over("dog", average="polyak"), 5.0),
        above("Prodigy, over tuned", over("prodigy"), 8.0),
        above("D-Adaptation of Adam, over tuned", over("dadapt_adam"), 25.0),
    ]


STUCK = 1e-3
"""Share of the distance to the minimiser below which an estimate counts as stuck."""


def stuck(run: RunData) -> list[Verdict]:
    """Judge O23: where noise rules DoG never leaves its start, and Prodigy mostly does."""

    def share(method: str, noise: float) -> list[float | None]:
        members = run.where(method=method, noise=noise)
        reach = [float(np.linalg.norm(risk.minimiser(run.configs[i]))) for i in members]
        ends = run["d_estimate"][-1, members] if at_end(run) else None  # NaN of one that diverged: it has left
        return [None if ends is None else float(np.mean(ends < STUCK * np.array(reach)))]

    return [
        above("DoG, noise 10: share of runs that are stuck", share("dog", 10.0), 0.9),
        below("DoG, noise 1: share of runs that are stuck", share("dog", 1.0), 0.75),
        below("Prodigy, noise 10: share of runs that are stuck", share("prodigy", 10.0), 0.75),
        below("Prodigy, noise 1: share of runs that are stuck", share("prodigy", 1.0), 0.1),
    ]
