"""The Hessian through the probe: dense, by Lanczos steps, and by automatic differentiation twice."""

import numpy as np
import pytest
import torch
from scipy.integrate import trapezoid

from engines.loss_landscape.hessian.dense import jacobian
from engines.loss_landscape.models.network_at_step import network_of_run
from engines.loss_landscape.probes import landscape
from engines.loss_landscape.probes.hessian import PROBE
from tests.loss_landscape.probes import sampled_run

TRANSFORMER = {"subject": "transformer", "modulus": 5, "embedding": 4, "width": 4, "train_fraction": 0.8}
SUPERPOSITION = {"subject": "superposition", "inputs": 6, "embedding": 2, "samples": 200}
DIGITS = {"subject": "digits", "width": 2}
GATES = {"planted": "gates", "depth": 1, "seed": 1}


def dense(knobs, kind):
    """All eigenvalues, descending."""
    one = network_of_run(sampled_run.run(**knobs), 0, 0)
    if kind == "hessian":
        loss = one.subject.criterion
        H = torch.autograd.functional.hessian(
            lambda at: loss(one.subject.model(at, one.samples.X), one.samples.y), one.theta
        )
    else:
        J = jacobian(one.subject.model, one.theta, one.samples.X)
        scale = 1.0 if one.samples.y.is_floating_point() else float(one.subject.model(one.theta, one.samples.X).std())
        H = J.mT @ J / (len(one.samples.X) * scale**2)
    return torch.linalg.eigvalsh(H).flip(-1).numpy()


@pytest.mark.parametrize("knobs", [TRANSFORMER, SUPERPOSITION, GATES, DIGITS])
@pytest.mark.parametrize("kind", ["gauss_newton", "hessian"])
def test_a_dense_spectrum_is_that_of_automatic_differentiation(knobs, kind):
    """1e-10 of the largest; trace, count and the least follow from it."""
    h = dense(knobs, kind)
    found = sampled_run.result(PROBE, knobs, kind=kind, top=10)
    assert found["exact"]
    np.testing.assert_allclose(found["eigenvalue"], h[:10], rtol=0, atol=1e-10 * h[0])
    assert found["trace"] == pytest.approx(h.sum(), rel=1e-9)
    assert found["most_negative"] == pytest.approx(h[-1], abs=1e-10 * h[0])
    assert found["n_effective"] == pytest.approx((100 * h.clip(0) / (100 * h.clip(0) + 1)).sum(), abs=1e-6)
    assert ("negative" in found["note"]) == (h[-1] < -1e-9 * h[0])


def test_lanczos_steps_find_what_the_dense_spectrum_has(monkeypatch):
    """60 steps for P = 69: the largest within their residuals, the trace within 4 standard errors, the count too."""
    h = dense(GATES, "gauss_newton")
    monkeypatch.setattr(landscape, "MAX_DENSE", 10)
    found = sampled_run.result(PROBE, GATES, top=5, steps=60, probes=32, n_beta=1.0)
    assert not found["exact"]
    assert (np.abs(found["eigenvalue"] - h[:5]) <= found["eigenvalue_error"] + 1e-9 * h[0]).all()
    # The sketch sees the trace of a matrix of rank 55 whole.
    assert found["trace"] == pytest.approx(h.sum(), abs=4 * found["trace_error"] + 1e-9 * h.sum())
    assert found["resolution"] > 0.8
    assert found["n_effective"] == pytest.approx((h / (h + 1)).sum(), abs=4 * found["n_effective_error"])
    assert found["n_effective_error"] < 0.04 * found["n_effective"]
    assert found["note"] == ""


def test_too_few_steps_are_said_and_far_too_few_refused(monkeypatch):
    """12 steps are .5 and .1 of `sqrt(b h_max)`; NaN below .3."""
    monkeypatch.setattr(landscape, "MAX_DENSE", 10)
    h = dense(GATES, "gauss_newton")
    warned = sampled_run.result(PROBE, GATES, steps=12, n_beta=(12 / 0.5) ** 2 / h[0])
    assert warned["resolution"] == pytest.approx(0.5, rel=0.05)
    assert "too large" in warned["note"]
    refused = sampled_run.result(PROBE, GATES, steps=12, n_beta=(12 / 0.1) ** 2 / h[0])
    assert np.isnan(refused["n_effective"])
    assert "too few" in refused["note"]
    assert np.isnan(refused["n_effective_curve"]).any()


def test_a_loss_in_closed_form_has_a_hessian():
    found = sampled_run.result(PROBE, {"subject": "potential", "potential": "quadratic", "inputs": 3})
    np.testing.assert_allclose(found["eigenvalue"], [10, 1, 0.1], rtol=1e-12)
    assert found["trace"] == pytest.approx(11.1, rel=1e-12)


def test_the_density_is_one_in_all_and_options_and_pictures_fit():
    found = sampled_run.result(PROBE, GATES, layers=True, minibatches=True)
    assert trapezoid(np.nan_to_num(found["density"]), found["density_eigenvalue"]) == pytest.approx(1, abs=0.03)
    sampled_run.offered(PROBE)
    assert sampled_run.drawn(PROBE, found) == [one.title for one in PROBE.pictures]
