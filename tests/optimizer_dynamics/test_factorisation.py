"""The mode recursion is what full matrices do; laws are what they say; what is drawn as valid holds."""

import numpy as np
import pytest
import torch

from engines.core.methods.method import Leaf
from engines.core.protocol.errors import ConfigError
from engines.optimizer_dynamics import cautions, laws, modes
from engines.optimizer_dynamics.config import OptimizerDynamics
from engines.optimizer_dynamics.scenes import factorisation
from tests.optimizer_dynamics.setting import ENGINE, ran

POLAR = {"method": "muon", "orthogonalise": "polar", "beta1": 0.0}
SMALL = {"rows": 6, "columns": 5, "width": 7, "spectrum": "3:1:0.4", "alpha": 0.0603, "eps": 1e-30}


def aligned(**knobs):
    return OptimizerDynamics(**{**SMALL, "start": "aligned", **knobs})


def crossing(config, steps):
    """The first step at which a mode is beyond its singular value: from there on signs are decided by rounding."""
    u = modes.strengths(config, np.full(3, config.alpha), np.arange(steps + 1))
    beyond = (u >= config.values * (1 - 1e-9)).any(1)
    return int(beyond.argmax()) if beyond.any() else steps + 1


RECURSIONS = [
    *({"method": method} for method in ("gd", "heavy_ball", "nesterov", "shampoo", "scaled_gd", "soap")),
    {"method": "polyak", "alpha": 0.5},
    {"method": "shampoo_ema"}, {"method": "muon"}, {"method": "muon", "beta1": 0.0}, POLAR,
    {**POLAR, "beta1": 0.9}, {**POLAR, "scale": "match_rms_adamw"}, {"method": "gd", "depth": 3, "alpha": 0.2},
    {"method": "gd", "depth": 4, "alpha": 0.3}, {**POLAR, "depth": 3}, {"method": "shampoo", "depth": 3},
    {"method": "dog", "eta": 1.0, "d0": 1e-3}, {"method": "dowg", "eta": 1.0, "d0": 1e-3},
    {"method": "dadapt_sgd", "eta": 1.0, "d0": 1e-3, "beta1": 0.0},
    *({"method": method, "start": "diagonal"} for method in ("sign", "lion", "rmsprop", "adam")),
    {"method": "prodigy", "start": "diagonal", "eta": 1.0, "d0": 1e-3},
    {"method": "gd", "schedule": "linear", "horizon": 60}, {**POLAR, "weight_decay": 0.5},
    {"method": "schedule_free", "beta1": 0.9},
]  # fmt: skip


@pytest.mark.parametrize("knobs", RECURSIONS, ids=lambda knobs: "-".join(map(str, knobs.values())))
def test_full_matrices_do_what_the_mode_recursion_says_until_the_first_crossing(knobs):
    config = aligned(**knobs)
    end = min(crossing(config, 60), 60)
    assert end >= 1
    run = ran(end, config)
    expected = modes.strengths(config, np.full(3, config.alpha), run.steps)
    # Shampoo and SOAP take roots of Gram matrices, whose small eigenvalues carry half the digits.
    limit = 1e-7 if config.method in ("shampoo", "shampoo_ema", "soap", "muon") else 1e-12
    np.testing.assert_allclose(run["modes"][:, 0], expected, rtol=0, atol=limit)


def full_steps(config, steps):
    u = modes.strengths(config, np.full(len(config.values), config.alpha), np.arange(steps + 1))
    return np.array([(u[:, i] >= config.values[i] / 2).argmax() for i in range(u.shape[1])])


def test_laws_in_closed_form_meet_the_recursion_within_their_errors():
    base = {"start": "aligned", "eps": 1e-30}
    gd = OptimizerDynamics(**base)
    assert abs(full_steps(gd, 2000) - laws.half_times(gd, np.full(5, 1e-4))).max() <= 1
    for L, alpha, within in ((3, 0.1, 0.011), (4, 0.2, 0.011), (5, 0.3, 0.016)):
        deep = OptimizerDynamics(**base, depth=L, alpha=alpha, spectrum="4:2:1")
        times = full_steps(deep, 3000)
        assert abs(times / laws.half_times(deep, np.full(3, alpha**L)) - 1).max() < within
    polar = OptimizerDynamics(**base, **POLAR)
    assert abs(full_steps(polar, 200) - laws.half_times(polar, np.full(5, 1e-4))).max() <= 1.01
    heavy = OptimizerDynamics(**base, method="heavy_ball", eta=0.002, beta1=0.95)
    assert abs(full_steps(heavy, 2500) / laws.half_times(heavy, np.full(5, 1e-4)) - 1).max() < 0.06


def test_adams_speed_is_root_three_early_and_the_table_says_when_it_is_half_way():
    """At (0, .999), eta = .002: 468/328/231/163/115 for s = 4..0.25."""
    config = OptimizerDynamics(method="adam", start="diagonal", alpha=1e-4, eta=0.002, beta1=0.0, eps=1e-30)
    np.testing.assert_allclose(full_steps(config, 600), [468, 328, 231, 163, 115], atol=1)
    early = modes.strengths(config, np.full(5, config.alpha), np.array([30]))[0] ** 0.5
    assert early / (30 * config.eta) == pytest.approx(3**0.5, rel=0.06)


@pytest.mark.thorough
def test_shampoos_table(monkeypatch):
    """eta = .003: 33165/16591/8304/4159/2085, the law within 1 %."""
    monkeypatch.setattr(modes, "LONGEST", 40_000)
    config = OptimizerDynamics(method="shampoo", start="aligned", alpha=1e-4, eta=0.003)
    times = full_steps(config, 34_000)
    np.testing.assert_allclose(times, [33165, 16591, 8304, 4159, 2085], atol=2)
    assert abs(times / laws.half_times(config, np.full(5, 1e-8)) - 1).max() < 0.01


def test_newton_schulz_leaves_small_singular_values_behind():
    """Half times 1013/276/93/200/1455 at s = 1 .. 1e-4 (five of six modes)."""
    config = OptimizerDynamics(
        method="muon", beta1=0.0, start="aligned", alpha=1e-3, eta=1e-3, spectrum="1:0.1:0.01:0.001:0.0001:0.00001"
    )
    np.testing.assert_allclose(modes.half_times(config, np.full(6, 1e-3), 1500)[:5], [1013, 276, 93, 200, 1455], atol=5)


def test_gradients_are_those_of_autograd():
    stream = np.random.default_rng(0)
    for sizes in (((4, 3), (5, 4)), ((4, 3), (4, 4), (5, 4)), ((2, 3), (2, 2), (2, 2), (5, 2))):
        leaves = tuple(Leaf(*size) for size in sizes)
        w = torch.tensor(stream.standard_normal((2, sum(leaf.size for leaf in leaves))), requires_grad=True)
        M = torch.tensor(stream.standard_normal((2, 5, 3)))
        now = factorisation.evaluate(w, M, leaves)
        (expected,) = torch.autograd.grad(now.loss.sum(), w)
        torch.testing.assert_close(now.gradient, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"spectrum": ""}, "spectrum=''"),
        ({"spectrum": "1:2"}, "decreasing positive numbers"),
        ({"spectrum": "2:-1"}, "decreasing positive numbers"),
        ({"spectrum": "power"}, "nor a power of at most 8"),
        ({"spectrum": "power:1:1000000000"}, "nor a power of at most 8"),
        ({"spectrum": "power:-1:3"}, "nor a power of at most 8"),
        ({"spectrum": "power:1:3:2"}, "nor a power of at most 8"),
        ({"spectrum": "4:3:2", "width": 2}, "3 singular values, more than the 2"),
        ({"method": "soap", "rows": 300}, "300 rows; the limit is 256"),
        ({"depth": 7}, r"depth=7 is outside its bounds \[2, 6\]"),
        ({"eta": 0.0}, "eta=0.0 is outside"),
        ({"eta": float("nan")}, "eta=nan is not a finite number"),
        ({"beta1": 1.0}, "beta1=1.0 is outside"),
        ({"warmup": 5000}, "warmup=5000 exceeds horizon=2000"),
        ({"schedule": "wsd", "decay_fraction": 0.0}, "decay_fraction=0"),
        ({"method": "scaled_gd", "damping": 0.0}, "damping=0"),
        ({"method": "schedule_free", "schedule": "linear"}, "decays twice"),
        ({"ns_steps": 0}, "ns_steps=0 is outside"),
    ],
)
def test_what_makes_no_sense_is_a_sentence(knobs, words):
    with pytest.raises(ConfigError, match=words):
        OptimizerDynamics(**knobs)


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"alpha": 0.0}, "saddle"),
        ({**POLAR, "alpha": 0.0}, "polar factor of 0"),
        ({"eta": 0.3}, "unstable"),
        ({**POLAR, "start": "aligned", "alpha": 0.03, "eta": 0.01}, "grid of steps"),
        ({"method": "soap", "spectrum": "2:2:1"}, "SOAP's basis"),
        ({"method": "polyak"}, "first step"),
        ({}, ""),
        ({**POLAR, "start": "aligned", "alpha": 0.0303}, ""),
    ],
)
def test_what_cannot_be_shown_is_said(knobs, words):
    said = cautions.factorisation(OptimizerDynamics(**knobs))
    assert words in said if words else said == ""


def test_weight_decay_that_is_coupled_has_no_ceiling(monkeypatch):
    """The wrong build of O5: decay inside the gradient, made orthogonal with it, ends at another place."""
    from engines.core.methods import matrix

    config = OptimizerDynamics(**POLAR, eta=0.02, weight_decay=0.8, rows=6, columns=6, width=6)
    top = ran(400, config)["factor_spectrum"][-1, 0, 0]
    assert top == pytest.approx(1.25, abs=0.03)
    original = matrix.Muon.update

    def coupled(self, x, memory):
        knobs = {**x.knobs, "weight_decay": 0 * x.rate}
        return original(self, x._replace(gradient=x.gradient + x.knobs["weight_decay"] * x.w, knobs=knobs), memory)

    monkeypatch.setattr(matrix.Muon, "update", coupled)
    assert ran(400, config)["factor_spectrum"][-1, 0, 0] > 1.5


def test_shampoo_with_wrong_roots_breaks_its_law(monkeypatch):
    """The wrong build of O1: -1/2 in place of -1/4."""
    from engines.core.methods import spectral

    config = OptimizerDynamics(
        method="shampoo", start="aligned", alpha=1e-2, eta=0.02, spectrum="4:1", width=4, rows=4, columns=4
    )
    right = ran(900, config)["half_time"][-1, 0]
    assert right[0] / right[1] == pytest.approx(4, rel=0.05)
    original = spectral.matrix_power
    monkeypatch.setattr(spectral, "matrix_power", lambda A, exponent, cut=1e-13: original(A, 2 * exponent, cut))
    wrong = ran(900, config)["half_time"][-1, 0]
    assert not wrong[0] / wrong[1] == pytest.approx(4, rel=0.2)


@pytest.mark.parametrize(
    "knobs", [{"method": "gd"}, {"method": "muon", "beta1": 0.0}, POLAR, {**POLAR, "scale": "match_rms_adamw"}]
)
def test_the_map_is_what_the_method_makes_of_the_gradients_singular_values(knobs):
    run = ran(1, OptimizerDynamics(rows=6, columns=5, width=7, spectrum="3:1:0.4", **knobs))
    found, law = run["update_spectrum"][0, 0][:3], run["update_law"][0, 0][:3]
    np.testing.assert_allclose(found, law, rtol=1e-6)
    assert np.isnan(ran(1, OptimizerDynamics(method="adam"))["update_law"]).all()


def test_a_spectrum_is_a_list_or_a_power():
    np.testing.assert_allclose(OptimizerDynamics(spectrum="power:1.5:3").values, [1, 2**-1.5, 3**-1.5], rtol=1e-15)
    np.testing.assert_array_equal(OptimizerDynamics(spectrum="4:2").values, [4, 2])


@pytest.mark.thorough
@pytest.mark.parametrize("method", ["muon", "adam", "heavy_ball", "gd"])
def test_what_is_called_tuned_without_noise_is_the_best_of_nine_rates(method):
    """A factor of 2 apart, on the seeds of O21; where a rate diverges its loss is infinite."""
    preset = ENGINE.preset("O21")
    tuned = next(dict(case) for case in preset.cases if case["method"] == method)
    rates = [tuned["eta"] * 2.0**k for k in range(-4, 5)]
    run = ran(300, *(OptimizerDynamics(**preset.set, **tuned | {"eta": eta}, seed=seed)
                     for eta in rates for seed in preset.seeds))  # fmt: skip
    losses = np.nan_to_num(run["loss"][-1], nan=np.inf).reshape(9, 2).mean(1)
    assert losses.argmin() == 4
