"""Probes of models that a person brings, against dense matrices in float64."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn
from torch.autograd.functional import hessian, jacobian

import engines
from engines.core.protocol.errors import ConfigError, UnknownName
from engines.core.subjects import named_subjects
from engines.loss_landscape.learning_coefficient.llc import effective_sample_size
from engines.loss_landscape.probes import landscape as landscapes
from tests.loss_landscape import own_models
from tests.loss_landscape.own_models import CROSS_ENTROPY, MODELS


def examine(subject, probe, **options):
    return engines.examine("loss_landscape", subject, probe, **options)


def dense(subject, kind):
    """Matrix of a kind of Hessian, by derivatives of the whole, without any of the lab's own."""
    exact = subject.precise
    minibatch = exact.train.first

    def outputs(theta):
        return own_models.outputs(exact, theta, minibatch)

    if kind == "hessian":
        return hessian(lambda at: exact.losses(at, minibatch).mean(), exact.theta)
    J, made = jacobian(outputs, exact.theta), outputs(exact.theta).detach()
    if kind == "gauss_newton":
        return torch.einsum("nkp,nkq->pq", J, J) / (len(J) * made.std() ** 2)
    p = made.softmax(-1)
    metric = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
    return torch.einsum("nkp,nkl,nlq->pq", J, metric, J) / len(J)


KINDS = ("gauss_newton", "hessian", "trained_gauss_newton")
QUICK = {("transformer", "hessian"), ("LSTM", "trained_gauss_newton"), ("scikit-learn MLP", "gauss_newton")}
"""Those that are computed with every change."""


@pytest.mark.parametrize(
    ("name", "kind"),
    [pytest.param(n, k, marks=() if (n, k) in QUICK else pytest.mark.thorough) for n in MODELS for k in KINDS],
)
def test_spectra_of_any_model_are_those_of_the_dense_matrix(name, kind):
    """1e-9 of the largest: both are float64, one by products and one by derivatives of the whole."""
    subject = MODELS[name]()
    h = torch.linalg.eigvalsh(dense(subject, kind)).flip(-1).numpy()
    found = examine(subject, "hessian", kind=kind, top=8)
    np.testing.assert_allclose(found["eigenvalue"], h[:8], rtol=0, atol=1e-9 * h[0])
    assert found["trace"] == pytest.approx(h.sum(), rel=1e-9)
    assert found["n_effective"] == pytest.approx((100 * h.clip(0) / (100 * h.clip(0) + 1)).sum(), rel=1e-6)
    assert ("negative" in found["note"]) == (h[-1] < -1e-9 * h[0])


def test_lanczos_of_a_residual_network_finds_the_largest_of_power_iteration(monkeypatch):
    """1e-4: as far as 200 steps of power iteration go."""
    monkeypatch.setattr(landscapes, "MAX_DENSE", 10)
    subject = own_models.resnet(4)
    found = examine(subject, "hessian", kind="trained_gauss_newton", top=1, steps=30, probes=2)
    exact = subject.precise
    minibatch = exact.train.first
    at = exact.theta.requires_grad_()
    made = own_models.outputs(exact, at, minibatch)
    p = made.detach().softmax(-1)
    v = torch.ones_like(at)
    pull = torch.zeros_like(made, requires_grad=True)
    (back,) = torch.autograd.grad(made, at, pull, create_graph=True)
    for _ in range(200):
        (forward,) = torch.autograd.grad(back, pull, v, retain_graph=True)
        (u,) = torch.autograd.grad(made, at, p * (forward - (p * forward).sum(-1, True)) / len(p), retain_graph=True)
        v = u / u.norm()
    assert not found["exact"]
    assert found["largest"] == pytest.approx(float(u.norm()), rel=1e-4)


def test_batches_change_nothing_but_memory():
    """Equal to rounding, although each product of 3 minibatches is a sum of three."""
    subject, (X, y) = own_models.scikit_learn(), own_models.scikit_learn().train.first
    three = [(X[part], y[part]) for part in (slice(10), slice(10, 20), slice(20, None))]
    parts = engines.Subject.of(subject.module, three, CROSS_ENTROPY)
    whole, split = (examine(one, "hessian", kind="hessian", top=5) for one in (subject, parts))
    np.testing.assert_allclose(split["eigenvalue"], whole["eigenvalue"], rtol=1e-9)


def test_each_layer_has_its_own_block():
    subject = own_models.scikit_learn()
    H = dense(subject, "hessian")
    found = examine(subject, "hessian", kind="hessian", layers=True)
    assert list(found["layer_name"]) == ["0", "2"] and list(found["layer_parameters"]) == [25, 18]
    for at, block in enumerate((H[:25, :25], H[25:, 25:])):
        assert found["layer_largest"][at] == pytest.approx(float(torch.linalg.eigvalsh(block)[-1]), rel=1e-9)
        assert found["layer_trace"][at] == pytest.approx(float(block.trace()), rel=1e-9)


def test_small_minibatches_curve_more_than_all_samples():
    """A mean over minibatches of a largest eigenvalue is never below that of the mean."""
    found = examine(own_models.scikit_learn(40), "hessian", kind="trained_gauss_newton", minibatches=True)
    assert list(found["minibatch_size"]) == [8, 32]
    assert found["minibatch_whole"][0] == pytest.approx(found["largest"], rel=1e-6)
    assert found["minibatch_largest"][0] > 1.1 * found["largest"]
    assert found["minibatch_largest"][-1] == pytest.approx(found["largest"], rel=0.1)
    with pytest.raises(ConfigError, match="of 6 samples: there are too few"):
        examine(own_models.scikit_learn(6), "hessian", minibatches=True)


def regression(n=50, P=3):
    """Least squares, whose learning coefficient is P/2 as b grows, and at any b that of its Hessian."""
    X = torch.randn(n, P, generator=own_models.source(), dtype=torch.float64)
    y = X @ torch.ones(P, dtype=torch.float64)
    loss = lambda params, minibatch: (minibatch[0] @ params["w"] - minibatch[1]).square() / 2  # noqa: E731
    return engines.Subject(loss, {"w": torch.ones(P, dtype=torch.float64)}, (X, y), name="regression")


def test_the_learning_coefficient_of_least_squares_is_half_its_soft_rank():
    subject, b = regression(), 100.0
    X = subject.train.first[0]
    h = torch.linalg.eigvalsh(X.mT @ X / len(X))
    exact = float((b * h / (b * h + 1)).sum() / 2)
    found = examine(subject, "llc", loss="trained", n_beta=b, method="mala", kappa=1.0, chains=16, draws=400)
    assert found["half_soft_rank"] == pytest.approx(exact, rel=1e-9)
    assert found["llc"] == pytest.approx(exact, abs=4 * found["error"])
    assert found["error"] < 0.1 * exact
    assert found["r_hat"] < 1.05
    assert 100 < found["effective_draws"] < 16 * 400


def test_scans_of_windows_and_step_sizes_follow_the_laws_of_least_squares():
    """4 standard errors, and 3 % of what rounding and finite burn-in leave; the bias at kappa = 2 is a factor."""
    options = {"loss": "trained", "n_beta": 100.0, "kappa": 0.2, "chains": 32, "draws": 300, "method": "langevin"}
    found = examine(regression(), "llc", scans=True, **options)
    for kind in ("window", "step"):
        off = np.abs(found[f"{kind}_llc"] - found[f"{kind}_quadratic"])
        assert (off < 4 * found[f"{kind}_error"] + 0.03 * found[f"{kind}_quadratic"]).all(), kind
    assert found["window_quadratic"][0] > 1.05 * found["window_quadratic"][-1]
    assert found["step_quadratic"][-1] > 1.3 * found["step_quadratic"][0]


def test_chains_on_named_weights_move_these_only():
    subject = own_models.scikit_learn()
    found = examine(subject, "llc", loss="trained", weights="2", method="mala", chains=4, draws=40)
    assert found["parameters"] == 18
    block = dense(subject, "hessian")[25:, 25:]
    h = torch.linalg.eigvalsh(block).clamp_min(0) * found["n_beta"]
    assert found["half_soft_rank"] == pytest.approx(float((h / (h + 1)).sum() / 2), rel=1e-6)
    with pytest.raises(UnknownName, match="layer '3'"):
        examine(subject, "llc", weights="3")


def test_an_estimate_below_zero_says_that_this_is_no_minimum():
    subject = regression().at({"w": torch.tensor([4.0, 4.0, 4.0], dtype=torch.float64)})
    found = examine(subject, "llc", loss="trained", n_beta=100.0, gamma=0.01, method="mala", chains=4, draws=40)
    assert found["llc"] < 0
    assert "negative" in found["note"]


def test_the_effective_sample_size_of_autoregressive_draws_is_known():
    """`C T (1 - rho)/(1 + rho)` of 8 chains of 4,000 draws; 10 %: its own scatter."""
    stream = own_models.source()
    for rho in (0.0, 0.8):
        draws = [torch.randn(8, generator=stream, dtype=torch.float64)]
        for _ in range(3999):
            kick = torch.randn(8, generator=stream, dtype=torch.float64) * (1 - rho**2) ** 0.5
            draws.append(rho * draws[-1] + kick)
        size = effective_sample_size(torch.stack(draws))
        assert float(size) == pytest.approx(8 * 4000 * (1 - rho) / (1 + rho), rel=0.1)
    apart = torch.stack(draws) + 10 * torch.arange(8)
    assert float(effective_sample_size(apart)) < 20


@pytest.mark.parametrize("plane", ["random", "hessian", "negative"])
def test_a_surface_is_the_loss_at_each_of_its_points(plane):
    """1e-5 of the loss: the surface is computed in float32."""
    subject = own_models.transformer()
    found = examine(subject, "surface", plane=plane, resolution=3, span=0.5)
    exact = subject.precise
    a, b = found["a"], found["b"]
    d = torch.from_numpy(found["directions"])
    for i, j in ((0, 0), (1, 1), (2, 0)):
        at = exact.theta + a[j] * d[0] + b[i] * d[1]
        assert found["losses"][i, j] == pytest.approx(float(exact.mean_loss(at)), rel=1e-5)


def test_a_model_is_trained_and_sampled_in_the_lab():
    subject = own_models.scikit_learn()
    trained = engines.run(
        "loss_landscape", subject=subject, steps=60, set={"optimizer": "adamw", "learning_rate": 0.02}
    )
    X, y = subject.train.first
    net = subject.module
    assert trained["loss"][0, 0] == pytest.approx(float(CROSS_ENTROPY(net(X), y).mean()), rel=1e-9)
    assert trained["accuracy"][0, 0] == pytest.approx(float((net(X).argmax(-1) == y).double().mean()))
    assert trained["loss"][-1, 0] < 0.8 * trained["loss"][0, 0]
    sampled = engines.run("loss_landscape", subject=subject, steps=5)
    assert sampled.configs[0].n_beta == pytest.approx(24 / np.log(24))
    assert np.isfinite(sampled["llc"]).all()
    assert len(trained.probe("hessian", step=60)["eigenvalue"]) == 20


def test_a_loss_alone_is_examined_as_far_as_it_goes():
    subject = regression()
    assert examine(subject, "hessian", kind="hessian")["parameters"] == 3
    for probe, options in (("hessian", {}), ("degeneracy", {}), ("hessian", {"kind": "trained_gauss_newton"})):
        with pytest.raises(ConfigError, match="'regression' is a loss alone"):
            examine(subject, probe, **options)
    assert np.isfinite(engines.run("loss_landscape", subject=subject, steps=3)["loss"]).all()


def test_two_models_are_joined_by_a_line_and_a_curve():
    one = own_models.scikit_learn()
    other = one.at(one.theta + torch.randn(one.P, generator=own_models.source(), dtype=torch.float64))
    name = named_subjects.register(dataclasses.replace(other, name="elsewhere"))
    found = examine(one, "connectivity", other_model=name, points=5, steps=20)
    for place, share in ((0, 0.0), (2, 0.5), (4, 1.0)):
        at = one.theta + share * (other.theta - one.theta)
        assert found["line"][place] == pytest.approx(float(one.mean_loss(at)), rel=1e-5)
    for name, match in (("", "other_model is empty"), (named_subjects.register(regression()), "have other shapes")):
        with pytest.raises(ConfigError, match=match):
            examine(one, "connectivity", other_model=name)


def test_a_model_that_was_brought_untrained_is_trained_in_few_directions():
    subject = own_models.scikit_learn()
    run = engines.run("loss_landscape", subject=subject, steps=30, set={"optimizer": "adamw", "learning_rate": 0.05})
    found = run.probe("intrinsic_dimension", dimensions="1,43", steps=40)
    assert found["base_accuracy"] == pytest.approx(run["test_accuracy"][-1, 0])
    assert len(found["accuracy"]) == 2
    with pytest.raises(ConfigError, match="bring it before it is trained"):
        examine(subject, "intrinsic_dimension")


def test_more_chains_than_memory_holds_are_refused():
    with pytest.raises(ConfigError, match=r"chains need .* take fewer"):
        examine(own_models.resnet(), "llc", chains=4096)


def test_what_does_not_suit_says_so():
    with pytest.raises(ConfigError, match="leave it out where you bring one"):
        engines.run("loss_landscape", preset="L0", subject=regression())
    with pytest.raises(ConfigError, match="takes no subject of your own"):
        engines.run("matrix_sensing", subject=regression())
    with pytest.raises(ConfigError, match="and no Subject"):
        engines.run("loss_landscape", subject=nn.Linear(2, 2))
    with pytest.raises(UnknownName, match="unknown model of your own 'never'"):
        engines.run("loss_landscape", set={"subject": "own_model", "model": "never"})
