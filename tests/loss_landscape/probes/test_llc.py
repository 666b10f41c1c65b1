"""The learning coefficient through the probe, against laws of the quadratic, quadratures and the Hessian."""

import numpy as np
import pytest

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.learning_coefficient import closed_form, quadrature
from engines.loss_landscape.probes.llc import PROBE
from tests.loss_landscape.probes import sampled_run

QUADRATIC = {"subject": "potential", "potential": "quadratic", "inputs": 10}
CROSSING = {"subject": "potential", "potential": "crossing"}
H = np.logspace(-1, 1, 10)
KAPPA = 1000 * H + 1


def test_on_a_quadratic_plain_steps_have_the_bias_of_the_law():
    """`eta kappa_max = 1`, b = 1000: 5.360 within 3 standard errors, which is more than 5 of these off 4.988."""
    found = sampled_run.result(PROBE, QUADRATIC, n_beta=1000.0, method="langevin", kappa=1.0, chains=256)
    eta = 1 / KAPPA.max()
    law = (1000 * H / (KAPPA * (1 - eta * KAPPA / 4))).sum() / 2
    assert found["euler"] == pytest.approx(law, rel=1e-6)
    assert found["half_soft_rank"] == pytest.approx((1000 * H / KAPPA).sum() / 2, rel=1e-9)
    assert found["bias"] == pytest.approx(law - found["half_soft_rank"], rel=1e-6)
    assert abs(found["llc"] - law) < 3 * found["error"] < 0.2
    assert "biased" in found["note"]


@pytest.mark.parametrize("method", ["richardson", "mala"])
def test_on_a_quadratic_other_methods_come_to_half_the_soft_rank(method):
    """Within 3 standard errors, which are below 4 %."""
    found = sampled_run.result(PROBE, QUADRATIC, n_beta=1000.0, method=method, kappa=0.5, chains=256)
    assert abs(found["llc"] - found["half_soft_rank"]) < 3 * found["error"] < 0.6
    assert found["settled"] == (found["r_hat"] < 1.05 and abs(found["drift"]) < 2 * found["drift_error"])
    assert found["window_fill"] == pytest.approx((1 / KAPPA).mean(), rel=0.1)
    assert found["distance"] == pytest.approx((1 / KAPPA).sum() ** 0.5, rel=0.05)


def test_mala_on_crossing_planes_is_the_quadrature():
    """b = 100: .354 within 3 %, where half the rank is 0."""
    found = sampled_run.result(PROBE, CROSSING, method="mala", kappa=1.0, chains=768, draws=800)
    assert found["exact_llc"] == pytest.approx(float(quadrature.crossing_planes(1, 1, 100.0)), rel=1e-12)
    assert found["llc"] == pytest.approx(found["exact_llc"], rel=0.03)
    assert found["half_soft_rank"] == 0
    assert (found["exact_llc_limit"], found["multiplicity"]) == (0.5, 2)
    assert 0.7 < found["acceptance"] < 1
    assert "singular" in found["note"]


def test_a_net_is_sampled_around_where_it_is():
    """The 4-5-3 net in a narrow window, where its loss is quadratic: 3 standard errors and 5 % of N_eff/2."""
    knobs = {"planted": "none", "inputs": 4, "width": 5, "depth": 1, "samples": 100}
    found = sampled_run.result(PROBE, knobs, n_beta=1e5, gamma=1e4, method="mala", kappa=0.3, draws=300, chains=24)
    assert found["parameters"] == 43
    assert abs(found["llc"] - found["half_soft_rank"]) < 3 * found["error"] + 0.05 * found["half_soft_rank"]
    assert found["error"] < 0.1 * found["llc"]


def test_temperatures_are_swept_in_one_batch():
    """Two decades: each within 4 standard errors of the law of the quadratic, from 3.7 to 5."""
    found = sampled_run.result(PROBE, QUADRATIC, n_beta=1000.0, method="mala", kappa=0.5, chains=128, sweep=True)
    b = 1000 * np.logspace(-1, 1, 5)
    np.testing.assert_allclose(found["sweep_beta"], b)
    law = (b[:, None] * H / (b[:, None] * H + 1)).sum(1) / 2
    np.testing.assert_allclose(found["sweep_quadratic"], law, rtol=1e-9)
    assert (np.abs(found["sweep_llc"] - law) < 4 * found["sweep_error"]).all()
    assert found["llc"] == found["sweep_llc"][2]
    assert found["plateau_decades"] > 0
    scans = [one.title for one in PROBE.pictures if one.traces[0].y.startswith(("window_", "step_"))]
    assert sampled_run.drawn(PROBE, found) == [one.title for one in PROBE.pictures if one.title not in scans]


def test_b_is_n_over_ln_n_unless_given():
    knobs = {"subject": "linear", "samples": 50}
    quick = {"draws": 20, "chains": 2, "burn_in": 10}
    assert sampled_run.result(PROBE, knobs, **quick)["n_beta"] == pytest.approx(50 / np.log(50))
    assert sampled_run.result(PROBE, knobs, beta=0.5, **quick)["n_beta"] == 25
    assert sampled_run.result(PROBE, CROSSING | {"n_beta": 7.0}, **quick)["n_beta"] == 7
    found = sampled_run.result(PROBE, knobs, n_beta=1e4, **quick)
    assert found["exact_llc"] == pytest.approx(
        closed_form.at_finite_temperature(closed_form.deep_linear((3, 2, 3), 1), 1e4), rel=0.02
    )


def test_what_must_be_said_is_said():
    """A loss that is not least, labels that saturate, a window that holds the chains, a burn-in cut short."""
    superposed = {"subject": "superposition", "inputs": 6, "embedding": 2, "samples": 100}
    found = sampled_run.result(PROBE, superposed, loss="trained", draws=150, chains=8)
    assert found["llc"] < 0
    assert "negative" in found["note"]
    labelled = {"subject": "addition", "modulus": 5, "embedding": 3, "width": 8}
    said = sampled_run.result(PROBE, labelled, loss="trained", draws=60, chains=4, gamma=100.0)["note"]
    assert "Cross-entropy" in said
    assert "window holds" in said
    said = sampled_run.result(PROBE, labelled, draws=60, chains=4)["note"]
    assert "Cross-entropy" not in said
    assert "standard deviation" in said
    assert "four relaxations" in said


def test_steps_that_are_too_large_are_said():
    found = sampled_run.result(PROBE, CROSSING, method="langevin", kappa=3.9, draws=300, n_beta=1e6)
    assert not np.isfinite(found["llc"])
    assert "too large" in found["note"]


def test_the_same_seed_gives_the_same_estimate_and_options_fit():
    chosen = {"draws": 30, "chains": 4, "n_beta": 10.0}
    one, same, other = (sampled_run.result(PROBE, QUADRATIC, **chosen, seed=seed)["llc"] for seed in (0, 0, 1))
    assert one == same != other
    sampled_run.offered(PROBE)


@pytest.mark.parametrize(
    ("knobs", "chosen", "said"),
    [
        (CROSSING, {"n_beta": 2.0, "beta": 0.5}, "n_beta=2.0 and beta=0.5"),
        (CROSSING, {"beta": 0.5}, "beta=0.5 .*no"),
        (CROSSING | {"potential": "box"}, {}, "box"),
        ({"subject": "digits"}, {"chains": 4096, "sweep": True}, "chains need .*at most 3e\\+08"),
        (CROSSING, {"kappa": 4.0}, "kappa"),
    ],
)
def test_what_cannot_be_sampled_is_refused_in_a_sentence(knobs, chosen, said):
    with pytest.raises(ConfigError, match=said):
        sampled_run.result(PROBE, knobs, **chosen)
