"""Experiments O19 to O23: what tuning is worth, and what it costs to have no rate to tune."""

from __future__ import annotations

from typing import Any

from engines.core.methods.names import METHOD_LABELS
from engines.core.protocol.engine import Preset
from engines.optimizer_dynamics import verdicts
from engines.optimizer_dynamics.scenes import network
from engines.optimizer_dynamics.verdicts.prices import METHODS_OF_O20

RACE = {"scene": "network", "batch_size": 64, "schedule": "linear"}


def _without_rates() -> list[dict[str, Any]]:
    """Adam at all budgets; Schedule-Free at five middle rates; three methods that find theirs, under two schedules."""
    table = [
        {"method": "adam", "eta": eta, "horizon": T, **network.USUAL["adam"]}
        for T in (25, 50, 100, 200, 400)
        for eta in network.rates_of("adam")[4:]
    ]
    free = [
        {"method": method, "eta": eta, "horizon": T, "schedule": "constant", **network.USUAL.get(method, {})}
        for T in (100, 400)
        for method in ("schedule_free", "schedule_free_adam")
        for eta in network.rates_of(method)[2:7]
    ]
    finding = [
        {"method": method, "eta": 1.0, "horizon": T, "schedule": schedule}
        for T in (100, 400)
        for method in ("prodigy", "dog", "dowg")
        for schedule in ("constant", "linear")
    ]
    return [*table, *free, *finding]  # fmt: skip


WITHOUT_RATES = tuple(_without_rates())

NOISY = {"scene": "quadratic", "sampling": "sampled", "dimension": 30, "batch_size": 4, "horizon": 1024, "eta": 1.0}
"""A noisy quadratic on which the best rates are 0.2525 under a linear schedule, 0.0614 for a constant one."""

PRICES = (
    Preset(
        name="O19",
        title="A race without a schedule or a rate",
        look_for="Schedule-Free keeps up with tuned Adam, without a schedule; Prodigy and DoG have no rate and pay.",
        set=RACE,
        cases=WITHOUT_RATES,
        case_labels=tuple(METHOD_LABELS[case["method"]] for case in WITHOUT_RATES),
        seeds=(0, 1),
        steps=400,
        cost="heavy",
        judge=verdicts.race_without_rates,
        probes={"speed_ups": {}},
        lead="score",
        source="P. Kasimbeg et al. 2025, in miniature",
    ),
    Preset(
        name="O20",
        title="All eighteen trials",
        look_for="Nine rates and two schedules for each method: few are good, and most want a rate that falls to zero.",
        set=RACE | {"horizon": 100},
        cases=tuple(trial for method in METHODS_OF_O20 for trial in network.trials_of(method)),
        seeds=(0, 1),
        steps=100,
        cost="heavy",
        judge=verdicts.all_trials,
        lead="train_loss",
        follows="O15",
        source="K. Wen et al. 2025, in miniature",
    ),
    Preset(
        name="O21",
        title="What tuning is worth without noise",
        look_for="Prodigy, never tuned, is within ten times of tuned Adam; DoG and DoWG are like gradient descent.",
        set={"alpha": 0.1, "horizon": 300},
        cases=(
            {"method": "muon", "schedule": "linear", "eta": 0.02},
            {"method": "adam", "schedule": "linear", "eta": 0.1589, "beta2": 0.99},
            {"method": "heavy_ball", "schedule": "linear", "eta": 0.1589},
            {"method": "gd", "schedule": "linear", "eta": 0.3981},
            *({"method": method, "eta": 1.0} for method in ("prodigy", "dowg", "dog", "dadapt_adam")),
        ),
        case_labels=(
            "Muon, tuned", "Adam, tuned", "heavy ball, tuned", "gradient descent, tuned", "Prodigy", "DoWG", "DoG",
            "D-Adaptation of Adam",
        ),
        seeds=(0, 1),
        steps=300,
        cost="heavy",
        judge=verdicts.without_noise,
        lead="loss",
        follows="O22",
        source="P. Kasimbeg et al. 2025, on a model",
    ),
    Preset(
        name="O22",
        title="What tuning is worth in noise",
        look_for="A rate that falls lets go of the noise; the mean of DoWG's iterates does, too, but not of DoG's.",
        set=NOISY,
        cases=(
            {"schedule": "linear", "eta": 0.2525}, {"eta": 0.0614},
            {"method": "dowg", "average": "polyak"}, {"method": "schedule_free", "eta": 0.508},
            {"method": "dog"}, {"method": "dowg"}, {"method": "dog", "average": "polyak"},
            {"method": "prodigy"}, {"method": "dadapt_adam"},
        ),
        case_labels=(
            "tuned, linear to zero", "tuned, constant", "DoWG, mean of all", "Schedule-Free", "DoG", "DoWG",
            "DoG, mean of all", "Prodigy", "D-Adaptation of Adam",
        ),
        seeds=tuple(range(12)),
        steps=1024,
        cost="long",
        judge=verdicts.in_noise,
        lead="risk",
        follows="O23",
        source="P. Kasimbeg et al. 2025, on a model",
    ),
    Preset(
        name="O23",
        title="Stuck at the start",
        look_for="Where noise rules, DoG's estimate of the distance hardly grows in any run; Prodigy's does in most.",
        set={**NOISY, "batch_size": 1, "horizon": 200, "noise": [1.0, 10.0]},
        cases=tuple({"method": method} for method in ("dog", "prodigy")),
        seeds=tuple(range(10)),
        steps=200,
        judge=verdicts.stuck,
        lead="estimates",
        source="ours",
    ),
)  # fmt: skip
