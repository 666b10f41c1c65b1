"""Theory lines over the range of the knobs: where they are not grey, the run is within the share that they state."""

import numpy as np
import pytest

import engines
from engines.loss_landscape.predictions import NEAR, predictions

DEVIATIONS = 5
"""Standard errors of the run that count beside the share: the largest of some hundred points."""


def knobs(rng, family):
    """Random knobs of one family of losses, to the bounds of what a test can afford."""

    def power(low, high):
        return float(10 ** rng.uniform(low, high))

    common = {"n_beta": power(-1, 7), "gamma": power(-2, 3) if rng.random() < 0.5 else 1.0, "kappa": power(-2, 0.6),
              "burn_in": int(rng.choice([0, 30, 200, 300])), "chains": 64}  # fmt: skip
    walk = {"optimizer": str(rng.choice(["langevin", "mala"]))}
    if family == "linear":
        sizes = rng.integers(1, 6, rng.integers(3, 6))
        walk = {"optimizer": str(rng.choice(["gibbs", "gibbs", "langevin"]))}
        return common | walk | {"subject": family, "widths": "-".join(map(str, sizes)),
                                "rank": int(rng.integers(0, min(sizes) + 1)), "scale": power(-0.3, 0.5)}  # fmt: skip
    if family == "planted":
        plan = str(rng.choice(["none", "duplicate", "dead", "gradients"]))
        return common | walk | {"subject": family, "planted": plan, "inputs": 3, "width": 4, "depth": 1, "outputs": 2,
                                "samples": 100, "gamma": power(0, 5)}  # fmt: skip
    more = {"inputs": int(rng.integers(2, 12))} if family != "crossing" else {}
    if family in ("crossing", "planes"):  # where directions cross, steps have to be small and burn-in long
        more |= {"n_beta": power(-2, 2), "kappa": power(-3, -0.5), "burn_in": int(rng.choice([100, 300]))}
    if family == "regression":
        more |= {"samples": int(rng.integers(20, 500))}
        if walk["optimizer"] == "langevin":
            more |= {"batch_size": int(rng.choice([0, 8, 16]))}
    if family == "box":
        walk = {"optimizer": "langevin"}
        more = {"strength": power(-3, 8), "chains": 1024}
    return common | walk | {"subject": "potential", "potential": family} | more


def misses(family, seed, steps=400):
    """What a run of random knobs says against its lines; [] where it says nothing, and how many lines were drawn."""
    chosen = knobs(np.random.default_rng([seed, len(family)]), family)
    run = engines.run("loss_landscape", set=chosen, steps=steps, seeds=[seed])
    value = run["llc"][:, 0]
    error = np.nan_to_num(run["llc_error"][:, 0])
    lines = [line for line in predictions(run.configs[0], run.steps) if not line.broken]
    wrong = []
    for line in lines:
        over = value - line.values if line.kind == "upper" else np.abs(value - line.values)
        late = run.steps > (run.configs[0].burn_in + 30 if family != "box" else 100)
        off = np.where(late, over - NEAR * np.abs(line.values) - DEVIATIONS * error, -np.inf)
        worst = int(np.nanargmax(off)) if late.any() else 0
        if late.any() and off[worst] > 0:
            wrong.append((line.label, int(run.steps[worst]), value[worst], line.values[worst], error[worst], chosen))
    return wrong, len(lines)


FAMILIES = ("quadratic", "regression", "crossing", "planes", "box", "linear", "planted")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_line_that_is_not_grey_holds(family):
    found = [misses(family, seed) for seed in range(3)]
    assert [wrong for wrong, _ in found if wrong] == []


@pytest.mark.thorough
@pytest.mark.parametrize("family", FAMILIES)
def test_a_line_that_is_not_grey_holds_over_many_draws(family):
    """And enough of them are not grey to say something."""
    found = [misses(family, seed) for seed in range(100, 140)]
    assert [wrong for wrong, _ in found if wrong] == []
    assert sum(lines for _, lines in found) >= 8


IDLE = {"subject": "linear", "widths": "4-4-4", "rank": 1, "scale": 1.0, "optimizer": "langevin", "n_beta": 1e4,
        "kappa": 0.09, "burn_in": 300}  # fmt: skip


@pytest.mark.parametrize(("changes", "grey"), [({}, True), ({"optimizer": "gibbs"}, False), ({"rank": 4}, False)])
def test_idle_directions_have_to_settle_too(changes, grey):
    """The run was at 4.03 +- .10 for 6.85, since steps of Langevin move them by the window alone."""
    run = engines.run("loss_landscape", set=IDLE | changes, steps=1)
    (law,) = [one for one in predictions(run.configs[0], run.steps) if one.kind == "law"]
    assert ("idle" in law.broken) == grey


def test_steps_that_are_refused_at_the_start_are_grey():
    """A chain that never left the centre gave 0 for .0103."""
    knobs = {"subject": "planted", "planted": "none", "inputs": 3, "width": 4, "depth": 1, "outputs": 2, "samples": 100,
             "n_beta": 0.44, "gamma": 430.0, "burn_in": 200, "optimizer": "mala"}  # fmt: skip
    for kappa, grey in ((3.36, True), (0.3, False)):
        run = engines.run("loss_landscape", set=knobs | {"kappa": kappa}, steps=1)
        assert [("refused" in one.broken) for one in predictions(run.configs[0], run.steps)] == [grey]


AT_THE_ENDS = [
    ({"subject": "linear", "widths": "3-3-3", "rank": 0, "optimizer": "gibbs", "gamma": 1e-8}, "float64"),
    ({"potential": "crossing", "kappa": 0.5, "n_beta": 1e6, "gamma": 1e8}, "widen the window"),
    ({"potential": "box", "strength": 1e12}, "middle of the cross"),
]


@pytest.mark.parametrize(("knobs", "why"), AT_THE_ENDS)
def test_what_misses_at_the_ends_of_the_knobs_is_grey(knobs, why):
    """The runs were at 10.5 for 3.5, at 1.37 for 1.00 and at 0.5 +- 0 for 0.466."""
    common = {"subject": "potential", "optimizer": "langevin", "burn_in": 300, "chains": 64, "kappa": 0.05}
    run = engines.run("loss_landscape", set=common | knobs, steps=1)
    lines = predictions(run.configs[0], run.steps)
    assert lines and all(why in line.broken for line in lines)
    assert ("½" in run.engine.caution(run.configs[0])) == (why == "middle of the cross")
