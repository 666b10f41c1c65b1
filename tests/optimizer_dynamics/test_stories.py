"""Stories say what the run did, at both ends of each slider: order of modes, growth, floors, edges."""

import re

import numpy as np
import pytest

from engines.optimizer_dynamics import risk
from engines.optimizer_dynamics.config import OptimizerDynamics
from engines.optimizer_dynamics.engine import ENGINE
from tests.optimizer_dynamics.setting import ran

SMALL = {"rows": 6, "columns": 6, "width": 6, "spectrum": "4:2:1:0.5"}


def some(*cases):
    """The first four of some cases with every change, all with `make thorough`."""
    return [
        pytest.param(case, marks=[pytest.mark.thorough] if at > 3 else [], id=str(case))
        for at, case in enumerate(cases)
    ]


def number(text, words):
    """The number that a pattern finds in a text."""
    return float(re.search(words, text)[1])


FACTORS = some(
    {}, {"method": "muon", "eta": 2e-3}, {"method": "adam", "start": "aligned"}, {"alpha": 1.0},
    {"alpha": 1e-4}, {"eta": 1e-3}, {"eta": 0.2}, {"depth": 4}, {"start": "aligned"}, {"method": "nesterov"},
    {"method": "heavy_ball", "beta1": 0.0}, {"method": "heavy_ball", "beta1": 0.99, "eta": 1e-3},
    {"method": "muon", "eta": 0.3}, {"method": "muon", "orthogonalise": "polar", "alpha": 1.0},
    {"method": "adam", "start": "diagonal", "beta1": 0.0}, {"method": "soap", "eta": 2e-3},
    {"method": "sign", "start": "diagonal", "eta": 2e-3}, {"method": "sign", "start": "aligned", "eta": 2e-3},
    {"method": "shampoo"}, {"method": "shampoo", "alpha": 1.0},
    {"method": "scaled_gd"}, {"method": "scaled_gd", "damping": 1e-6, "eta": 1e-3},
    {"method": "scaled_gd", "damping": 0.0, "start": "aligned", "alpha": 0.3, "eta": 1e-2},
)  # fmt: skip


@pytest.mark.parametrize("knobs", FACTORS)
def test_modes_came_in_the_order_that_is_told(knobs):
    run = ran(1500, OptimizerDynamics(**SMALL | knobs))
    text, half = run.story(0).text, run["half_time"][-1, 0]
    learned = half[np.isfinite(half)]
    told = [word for word in ("Large ones", "Small ones", "no order", "the same time") if word in text]
    assert len(told) == (len(learned) > 1)
    if "Large ones" in text:
        assert (np.diff(learned) > 0).all()
    if "Small ones" in text:
        assert (np.diff(learned) < 0).all()
    if "the same time" in text:
        assert learned.max() <= 1.1 * learned.min()
    for step, law in zip(learned, re.findall(r"at \*\*(\d+)\*\*", text), strict=True):
        assert float(law) == step


RATE_FREE = ("dadapt_sgd", "dowg", "prodigy", "dadapt_adam")
GUESSES = [
    *({"method": method, "beta1": beta} for method in RATE_FREE for beta in (0, 0.9)), {"method": "dog"},
    {"method": "prodigy", "growth_rate": 1.02}, {"method": "dowg", "d0": 1.0}, {"method": "gd"},
    {"method": "dadapt_sgd", "goal": 0.01, "beta1": 0.0}, {"method": "dadapt_sgd", "eta": 1e-3},
]  # fmt: skip


@pytest.mark.parametrize("knobs", GUESSES, ids=str)
def test_an_estimate_grows_as_fast_as_is_told(knobs):
    config = OptimizerDynamics(**{"scene": "line", "eta": 1.0, "goal": 1e6} | knobs)
    run = ran(60, config)
    text, d = run.story(0).text, run["d_estimate"][:, 0]
    if "its estimate grew" not in text:
        assert not ((d[1:] < config.goal / 2) & (d[1:] > d[:-1])).any()
        return
    told, laws = number(text, r"grew \*\*([\d.e+-]+)\*\*"), {"√3": 3**0.5, "1.839": 1.8393}
    grown = d[1:] / d[:-1]
    assert np.isclose(grown, told, rtol=1e-3).any()
    if law := re.search(r"\(law (.*?)\)", text):
        assert told == pytest.approx(laws[law[1]], rel=0.02)


RATES = [(0.05, 0.0, 1), (0.05, 1.0, 1), (0.3, 1.0, 16), (0.9, 0.0, 1), (0.9, 1.0, 16)]


@pytest.mark.parametrize(("eta", "noise", "batch_size"), RATES)
def test_the_risk_of_a_constant_rate_ends_where_it_is_told_to(eta, noise, batch_size):
    config = OptimizerDynamics(
        scene="quadratic", method="gd", eta=eta, noise=noise, batch_size=batch_size, dimension=5, capacity=0.5
    )
    run = ran(3000, config)
    text, ends = run.story(0).text, run.curve("risk", 0)[1][-1]
    if "the largest that is stable" in text:
        assert eta > number(text, r"above \*\*(.*?)\*\*") and (run.diverged_at[0] > 0 or ends > run["risk"][0, 0])
    elif noise:
        assert ends == pytest.approx(number(text, r"ends at \*\*(.*?)\*\*"), rel=0.01)
    else:
        assert "falls to zero" in text and ends < 1e-3 * run["risk"][0, 0]


def test_what_lets_go_of_the_noise_does():
    knobs = {"scene": "quadratic", "method": "gd", "eta": 0.2, "dimension": 20, "horizon": 1000}
    falling = ran(1000, OptimizerDynamics(**knobs, schedule="linear"))
    constant = OptimizerDynamics(**knobs)
    assert "lets go of the noise" in falling.story(0).text
    assert falling["risk"][-1, 0] < risk.noise_floor(constant) < ran(1000, constant)["risk"][-1, 0] * 1.01
    for other in ({"schedule": "linear", "noise": 0.0}, {"method": "heavy_ball"}, {"average": "ema"}):
        assert "noise that" not in ENGINE.story(ran(2, OptimizerDynamics(**{**knobs, **other})), 0).text


PRODUCT, VALLEY = {"model": "product", "eta": 1.0}, {"model": "valley", "eta": 0.02, "product": 0.47, "sharpness": 50.0}
EDGES = some(
    PRODUCT | {"sharpness": 2.5, "product": 0.001}, PRODUCT | {"sharpness": 2.5, "product": 0.4},
    VALLEY | {"rise": 0.1}, {"model": "network", "eta": 1.0},
    *(PRODUCT | {"sharpness": sharpness, "product": xy} for sharpness in (1.0, 3.9) for xy in (0.001, 0.4)),
    PRODUCT | {"centre": 1.0, "product": 0.04, "sharpness": 16.0001, "eta": 0.15},
    VALLEY | {"rise": 0.01}, VALLEY | {"rise": 1.0},
    {"model": "network", "eta": 0.01}, {"model": "network", "method": "adam", "eta": 0.01},
)  # fmt: skip


@pytest.mark.parametrize("knobs", EDGES)
def test_what_is_told_of_the_edge_happened(knobs):
    run = ran(800, OptimizerDynamics(**{"scene": "edge"} | knobs))
    if run.diverged_at[0] >= 0:
        return
    text, (steps, edge), loss = run.story(0).text, run.curve("edge_ratio", 0), run["loss"][:, 0]
    assert ("threshold" in text) <= bool((edge >= 1).any())
    if "rose at first" in text:
        assert loss[1] > loss[0]
    if "landed below" in text:
        assert edge[0] >= 1 > edge[-1] or edge.max() >= 1 > edge[-1]
    if "came to the threshold" in text:
        at = number(text, r"threshold at step (\d+)")
        assert (edge[steps < at] < 1).all() and edge[steps == at] >= 1
    if "of late" in text:
        late, told = edge[steps >= 400], number(text, r"of late is \*\*(.*?)\*\*")
        assert late.min() * 0.99 <= told <= late.max() * 1.01


def test_the_moments_of_adam_are_not_said_to_be_exact():
    run = ran(2, *(OptimizerDynamics(scene="quadratic", dimension=5, method=method) for method in ("gd", "adam")))
    told = [ENGINE.story(run, member).text for member in (0, 1)]
    assert "followed exactly" in told[0]
    assert "followed nearly" in told[1] and "exactly" not in told[1]


def test_the_formula_is_that_of_the_depth():
    """With three factors and more, half times are those of the formula within a third; of two it is another one."""
    config = OptimizerDynamics(**{**SMALL, "spectrum": "2:1"}, start="aligned", alpha=0.02, eta=0.1, depth=3)
    run = ran(700, config)
    assert ENGINE.story(run, 0).formula == "t ≈ u₀^{2/L − 1} / ((L − 2) ηs)"
    expected = (0.02**3) ** (2 / 3 - 1) / (0.1 * config.values)
    np.testing.assert_allclose(run["half_time"][-1, 0], expected, rtol=0.33)
    assert ENGINE.story(ran(1, config.replace(depth=2)), 0).formula == "t ≈ ln(s/u₀ − 1) / 2ηs"


def test_half_times_are_marked_before_they_come_where_a_law_says_them():
    """Of gradient descent from its first frame on; of SOAP with momentum, which has no law, when they have come."""
    run = ran(150, OptimizerDynamics(**SMALL), OptimizerDynamics(**SMALL, method="soap", eta=2e-2))
    marked = {phase.label: phase.step for phase in ENGINE.phases(run, 0)}
    assert marked["s = 0.5"] == pytest.approx(run["half_time_law"][0, 0, 3]) and marked["s = 0.5"] > 150
    measured = {phase.label: phase.step for phase in ENGINE.phases(run, 1)}
    half = run["half_time"][-1, 1]
    assert np.isfinite(half).any()
    expected = {f"s = {s:g}": t for s, t in zip((4, 2, 1, 0.5), half, strict=True) if np.isfinite(t)}
    assert measured == {"start": 0, **expected}


def test_what_newton_schulz_leaves_behind_is_marked_when_nothing_else_is_left():
    """Before the mark some mode that waits is moved by most of a step, from there on none is."""
    knobs = {"method": "muon", "beta1": 0.0, "start": "aligned", "alpha": 1e-3, "eta": 2e-3, "spectrum": "1:0.1:0.0001"}
    run = ran(700, OptimizerDynamics(**knobs), OptimizerDynamics(**knobs, orthogonalise="polar"))
    (mark,) = [phase for phase in ENGINE.phases(run, 0) if phase.label == "left behind"]
    assert "s = 0.0001, is below 1/485" in mark.doc
    assert "left behind" not in [phase.label for phase in ENGINE.phases(run, 1)]
    u, s = run["modes"][:, 0], run.configs[0].values
    speed = np.diff(np.sqrt(u), axis=0) / np.diff(run.steps)[:, None] / 2e-3
    fastest = np.where(u[:-1] < s / 2, speed, 0).max(1)
    at = run.steps.searchsorted(mark.step)
    assert fastest[:at].min() > 0.68 and fastest[at:].max() < 0.68 and at < len(fastest)


@pytest.mark.parametrize("scale", ["none", "match_rms_adamw", "original"])
@pytest.mark.parametrize("orthogonalise", ["polar", "newton_schulz"])
def test_decay_holds_the_factors_of_muon_where_it_is_told_to(orthogonalise, scale):
    knobs = {"method": "muon", "orthogonalise": orthogonalise, "scale": scale, "start": "aligned", "alpha": 0.1}
    run = ran(600, OptimizerDynamics(**knobs, beta1=0.0, eta=0.01, weight_decay=0.8, spectrum="30:20", depth=2))
    told = ENGINE.story(run, 0).text.split("Weight decay stops", 1)[1].split(".  ")[0]
    low, high = (
        [float(each) for each in re.findall(r"[*][*]([0-9.]+)[*][*]", told.split("Half")[0])] * 2
        if (orthogonalise == "polar")
        else [float(each) for each in re.findall(r"[*][*]([0-9.]+)[*][*]", told)[:2]]
    )
    factors = np.sqrt(run["modes"][-1, 0])
    assert (factors > 0.97 * low).all() and (factors < 1.03 * high).all()
