"""Steps and estimators one by one: definitions, invariances, refusals."""

import numpy as np
import pytest
import torch

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.hessian.dense import hessian
from engines.loss_landscape.hessian.lanczos import rademacher
from engines.loss_landscape.learning_coefficient.llc import (
    Estimate,
    drift,
    estimate_llc,
    plateau,
    r_hat,
    richardson,
    window_fill,
)
from engines.loss_landscape.learning_coefficient.quadratic_predictions import euler
from engines.loss_landscape.learning_coefficient.quadratic_predictions import quadratic as foretold
from engines.loss_landscape.learning_coefficient.samplers import (
    burn_in,
    energy,
    force,
    init_state,
    langevin_kernel,
    largest_curvature,
    mala,
    mala_kernel,
    relaxation,
    run_chains,
    sgld,
    step_size,
    window,
)
from engines.loss_landscape.models.deep_linear import DeepLinear
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.potentials import Regression, crossing_planes, normal_crossing, quadratic
from tests.loss_landscape.learning_coefficient.chains import minibatches


def draws(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


def regression(n=50, d=3):
    X = draws(n, d, seed=3)
    return Regression(X, X.sum(-1) + draws(n, seed=4))


PLANES, ORIGIN = crossing_planes(1), torch.zeros(1, 2, dtype=torch.float64)

LOSSES = {
    "quadratic": (quadratic(double(1, 2, 3, 4)), 4, double(0, 0, 0, 0)),
    "crossing": (normal_crossing((1, 0, 2)), 3, double(0, 0, 0)),
    "planes": (crossing_planes(2), 5, double(0, 0, 0, 0, 0)),
    "linear": (DeepLinear((3, 2, 2), 1, 2.0), 10, DeepLinear((3, 2, 2), 1, 2.0).star),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_least_at_their_stars_and_take_any_leading_axes(name):
    """Zero there, positive elsewhere; a batch is its members one by one: 1e-14."""
    loss, P, star = LOSSES[name]
    assert float(loss(star)) == 0
    theta = draws(2, 3, P)
    values = loss(theta)
    assert values.shape == (2, 3)
    assert (values > 0).all()
    singles = torch.stack([loss(one) for one in theta.flatten(0, 1)]).view(2, 3)
    assert torch.allclose(values, singles, rtol=1e-14, atol=0)


def test_losses_have_the_values_of_their_formulas():
    """By hand, and the deep linear loss as a mean over inputs, 3 % at 10000 of them."""
    w = double(2, 3, -1)
    assert float(normal_crossing((1, 0, 2))(w)) == 4
    assert float(crossing_planes(1)(w)) == 4 * 10
    assert float(quadratic(double(1, 2, 3))(w)) == (4 + 18 + 3) / 2
    model = DeepLinear((3, 2, 2), 1, 2.0)
    theta, X = draws(10), draws(10_000, 3, seed=1)
    W0, W1 = theta[:6].view(2, 3), theta[6:].view(2, 2)
    mean = (X @ (W1 @ W0 - model.target).T).square().sum(-1).mean() / 2
    assert float(model(theta)) == pytest.approx(float(mean), rel=0.03)
    assert model.target.tolist() == [[4, 0, 0], [0, 0, 0]]


def test_regression_has_its_least_squares_spectrum_and_minibatches():
    """Gradient 0 at the star, Hessian by autograd; all rows in order are the full loss; s by single gradients."""
    task = regression()
    star = task.star
    state = init_state(task, star[None])
    assert state.gradient.abs().max() < 1e-14
    h, s = task.spectrum
    H = hessian(task, star)
    assert torch.allclose(h, torch.linalg.eigvalsh(H), atol=1e-13, rtol=0)
    single = torch.stack(
        [init_state(lambda w, i=i: task.on(w, torch.tensor([[i]])), star[None]).gradient[0] for i in range(50)]
    )
    V = torch.linalg.eigh(H)[1]
    assert torch.allclose((single @ V).var(0, correction=0), s, rtol=1e-10, atol=0)
    theta, rows = draws(4, 3), torch.arange(50).expand(4, 50)
    assert torch.allclose(task.on(theta, rows), task(theta), rtol=1e-13, atol=0)
    drawn = minibatches(task.on, 50, 4000, torch.Generator().manual_seed(0))
    assert torch.allclose(drawn(theta), task(theta), rtol=0.1, atol=0)
    assert not torch.equal(drawn(theta), drawn(theta))


def test_a_step_is_the_formula_and_energies_differentiate_to_forces():
    """Both by autograd on U itself: 1e-13, with another b, gamma and eta for each chain."""
    loss, P, _ = LOSSES["linear"]
    w = window(draws(P, seed=5), double(3, 4), double(1, 2))
    eta, normals, theta = double(0.1, 0.2), draws(2, P, seed=6), draws(2, P)
    at = theta.clone().requires_grad_()
    U = w.b * loss(at) + w.gamma * (at - w.star).square().sum(-1) / 2
    (gradient,) = torch.autograd.grad(U.sum(), at)
    state = init_state(loss, theta)
    assert torch.allclose(energy(state, w), U.detach(), rtol=1e-13, atol=0)
    assert torch.allclose(force(state, w), gradient, rtol=1e-12, atol=1e-12)
    new = sgld(loss, w, eta, state, normals)
    expected = theta - eta[:, None] / 2 * gradient + eta.sqrt()[:, None] * normals
    assert torch.allclose(new.theta, expected, rtol=1e-13, atol=1e-13)
    assert torch.allclose(new.loss, loss(expected), rtol=1e-12, atol=0)


def test_mala_accepts_by_the_ratio_of_densities_and_proposals():
    """`pi(w') q(w | w')/(pi(w) q(w' | w))` with torch's normal densities: the threshold to 1e-9, either side."""
    loss, P, _ = LOSSES["planes"]
    w, eta = window(double(0, 0, 0, 0, 0), double(2.0), double(2.0)), double(0.02)
    state, normals = init_state(loss, draws(6, P) / 2), draws(6, P, seed=1)
    new = sgld(loss, w, eta, state, normals)

    def proposal(to, frm):
        mean = frm.theta - eta / 2 * force(frm, w)
        return torch.distributions.Normal(mean, eta.sqrt()).log_prob(to.theta).sum(-1)

    log_a = energy(state, w) - energy(new, w) + proposal(state, new) - proposal(new, state)
    threshold = log_a.clamp_max(0).exp()
    assert (threshold < 1).any()
    for factor, accepted in ((1 - 1e-9, True), (1 + 1e-9, False)):
        after = mala(loss, w, eta, state, normals, (threshold * factor).clamp_max(1 - 1e-16))
        sure = threshold == 1
        assert torch.equal(after.accepted.bool(), torch.full((6,), accepted) | sure)
        kept = after.accepted.bool()[:, None]
        assert torch.equal(after.theta, torch.where(kept, new.theta, state.theta))
        assert torch.equal(after.gradient, torch.where(kept, new.gradient, state.gradient))


def test_a_proposal_that_is_not_finite_is_refused_and_the_chain_stays_finite():
    loss = normal_crossing((3, 3))
    state = init_state(loss, double(1, 1).expand(2, 2) * double(1, 1e3)[:, None])
    w = window(double(0, 0), double(1e200), double(1.0))
    after = mala(loss, w, double(1.0), state, draws(2, 2), double(1e-300, 1e-300))
    assert after.accepted.tolist() == [0, 0]
    assert torch.equal(after.theta, state.theta)


def test_steps_do_not_see_other_chains_and_change_nothing_in_place():
    """A batch is its chains one by one, to 1e-14, for both steps."""
    loss, P, star = LOSSES["linear"]
    b, normals, theta = double(3, 40, 500), draws(3, P, seed=2), draws(3, P)
    before, eta, uniform = theta.clone(), double(1e-2, 1e-3, 1e-4), double(0.3, 0.6, 0.9)
    for step, more in ((sgld, ()), (mala, (uniform,))):
        whole = step(loss, window(star, b), eta, init_state(loss, theta), normals, *more)
        for i in range(3):
            one = slice(i, i + 1)
            alone = step(
                loss,
                window(star, b[one]),
                eta[one],
                init_state(loss, theta[one]),
                normals[one],
                *(u[one] for u in more),
            )
            for left, right in zip(whole, alone, strict=True):
                assert torch.allclose(left[one], right, rtol=1e-14, atol=0)
    assert torch.equal(theta, before)


def test_a_network_is_sampled_like_any_loss():
    """The gradient of a perceptron's loss in a batch of chains is that of each: 1e-13."""
    net, X = Mlp((3, 4, 2)), draws(20, 3, seed=1)
    star = draws(net.P, seed=2)

    def loss(theta):
        return (net(theta, X) - net(star, X)).square().sum((-2, -1)) / 40

    theta = draws(2, 5, net.P)
    state = init_state(loss, theta)
    for i in range(2):
        for j in range(5):
            assert torch.allclose(state.gradient[i, j], init_state(loss, theta[i, j]).gradient, rtol=1e-12, atol=1e-13)


def test_a_run_records_every_so_many_points_and_the_share_accepted():
    loss, P, star = LOSSES["planes"]
    w = window(star, double(50.0, 60.0))
    step = mala_kernel(loss, w, 0.02, torch.Generator().manual_seed(0))
    state, trace = run_chains(step, init_state(loss, draws(2, P) / 4), 20, star, every=5)
    again, plain = init_state(loss, draws(2, P) / 4), []
    step = mala_kernel(loss, w, 0.02, torch.Generator().manual_seed(0))
    for _ in range(20):
        again = step(again)
        plain.append(again)
    assert torch.equal(state.theta, again.theta)
    assert torch.equal(trace.losses, torch.stack([one.loss for one in plain[4::5]]))
    assert torch.equal(trace.distances, torch.stack([one.theta.square().sum(-1) for one in plain[4::5]]))
    assert torch.allclose(trace.acceptance, torch.stack([one.accepted for one in plain]).mean(0))
    assert 0 < float(trace.acceptance.mean()) < 1
    _, all_taken = run_chains(langevin_kernel(loss, w, 1e-4, torch.Generator().manual_seed(0)), state, 3, star)
    assert all_taken.acceptance.tolist() == [1, 1]


def test_estimates_and_richardson_are_their_formulas():
    losses = 1 + draws(30, 2, 4).square()
    b = double(10, 100)[:, None]
    found = estimate_llc(losses, b, 1.0)
    each = b * (losses.mean(0) - 1)
    assert torch.allclose(found.chains, each)
    assert torch.allclose(found.value, each.mean(-1))
    assert torch.allclose(found.error, each.std(-1) / 2)
    assert estimate_llc(losses[..., :1], b).error.isnan().all()
    coarse, fine = (Estimate(double(0.5 + 4 * e), double(0.1 * e), double(0.5 + 4 * e)) for e in (0.2, 0.05))
    limit = richardson(coarse, fine)
    assert float(limit.value) == pytest.approx(0.5, abs=1e-14)
    assert float(limit.error) == pytest.approx(np.hypot(4 * 0.005, 0.02) / 3, rel=1e-12)
    measured = richardson(*(Estimate(double(x), double(0.002), double(x)) for x in (0.3847, 0.3619)))
    assert float(measured.value) == pytest.approx(0.3543, abs=1e-4)


def test_the_formula_of_the_step_bias_has_the_values_of_the_table():
    """To the digits printed; the minibatch factor, on variances in place of drawn data, within 2 %."""
    for d, size, expected in ((10, 0.02, 4.994), (10, 0.2, 5.052), (10, 1, 5.360), (10, 2, 5.952), (50, 0.02, 24.97),
                              (50, 1, 26.55), (2, 1, 1.163), (2, 2, 1.498)):  # fmt: skip
        h = torch.logspace(-1, 1, d, dtype=torch.float64)
        assert float(euler(h, 1000.0, 1.0, size / (1000 * 10 + 1))) == pytest.approx(expected, abs=6e-4 * expected)
    h = double(1, 0.49, 0.25, 0.09, 0.04)
    b = 2000 / np.log(2000)
    for batch, expected in ((256, 2.474), (32, 2.652), (8, 3.261)):
        assert float(euler(h, b, 1.0, 0.1 / (b + 1), h, batch)) == pytest.approx(expected, rel=0.02)
    trap = 32 / np.log(32)
    assert float(euler(h, trap, 1.0, 0.1 / (trap + 1), h, 32)) == pytest.approx(1.605, rel=0.02)
    assert float(foretold(h, b)) == pytest.approx(2.424, abs=0.002)
    assert float(euler(h, b, 1.0, 4 / (b + 1))) == float(euler(h, b, 1.0, 4.5 / (b + 1))) == float("inf")
    below = torch.cat([h, double(-0.3)])  # by rounding; no parameter
    assert float(euler(below, b, 1.0, 1e-3)) == pytest.approx(float(euler(h, b, 1.0, 1e-3)), rel=1e-14)
    assert float(euler(h, b, 1.0, 1e-12)) == pytest.approx(float(foretold(h, b)), rel=1e-9)


def test_the_step_size_is_from_the_largest_curvature():
    """Of two nets at once, by 20 Lanczos steps: 1e-6 of the dense value; never above."""
    net, X, star = Mlp((3, 5, 2)), draws(20, 3, seed=1), draws(2, Mlp((3, 5, 2)).P, seed=2)

    def loss(theta):
        return (net(theta, X) - net(star, X)).square().sum((-2, -1)) / 40

    found = largest_curvature(loss, star, rademacher(torch.Generator().manual_seed(0), *star.shape))
    exact = torch.linalg.eigvalsh(hessian(loss, star)).amax(-1)
    assert torch.allclose(found, exact, rtol=1e-6, atol=0)
    assert torch.allclose(step_size(found, 1e3, 2.0), 0.05 / (1e3 * found + 2))
    assert step_size(double(-1), 1e3, 2.0).tolist() == [0.025]
    assert relaxation(1e-3, 2.0) == 1000
    assert burn_in(1e-3, 2.0) == 4000


def test_drift_and_r_hat_tell_settled_chains_from_others():
    """Noise settles with R-hat 1 to .02; a slope and chains apart do not. R-hat by the textbook's loops: 1e-12."""
    noise = draws(300, 2, 40)
    slope = noise + torch.linspace(1, 0, 300, dtype=torch.float64)[:, None, None]
    apart = noise + draws(40, seed=1)
    assert drift(noise).settled.all()
    assert not drift(slope).settled.any()
    each = noise[:100].mean(0) - noise[200:].mean(0)
    assert torch.allclose(drift(noise).value, each.mean(-1))
    assert torch.allclose(drift(noise).error, each.std(-1) / 40**0.5)
    assert drift(slope).value[0] == pytest.approx(2 / 3, abs=0.05)
    assert not drift(noise * torch.nan).settled.any()
    assert torch.allclose(r_hat(noise), double(1, 1), atol=0.02)
    assert (r_hat(apart) > 1.2).all()
    halves = [half for chain in apart[:, 0].T.numpy() for half in (chain[:150], chain[150:])]
    W, B = np.mean([np.var(half, ddof=1) for half in halves]), 150 * np.var([half.mean() for half in halves], ddof=1)
    assert float(r_hat(apart)[0]) == pytest.approx(np.sqrt((149 / 150 * W + B / 150) / W), rel=1e-12)


def test_the_window_is_full_where_the_loss_is_not_felt():
    """Chains of the window alone: 1; half the parameters pinned: 1/2. Within 3 %."""
    theta = draws(1, 4000, 10) / 2**0.5
    assert float(window_fill(theta.square().sum(-1), 2.0, 10)) == pytest.approx(1, rel=0.03)
    assert float(window_fill(theta[..., :5].square().sum(-1), 2.0, 10)) == pytest.approx(0.5, rel=0.03)


def test_a_plateau_is_where_neighbours_agree():
    """Of N_eff(b)/2 of three stiff modes: from b >> gamma/h on; a creeping or ragged curve has none."""
    b = np.logspace(-3, 5, 17)
    values = foretold(double(1, 1, 1).expand(17, 3), torch.from_numpy(b)).numpy()
    errors = np.full(17, 0.01)
    found = plateau(b, values, errors)
    assert (found.first, found.last) == (9, 16)  # from b = 10^1.5, where 3 % are missing
    assert found.value == pytest.approx(1.5, rel=0.01)
    assert found.error == pytest.approx(0.01 / np.sqrt(8), rel=1e-12)
    assert found.decades == pytest.approx(3.5)
    assert plateau(b, b, errors) is None


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: window(double(0), -1.0), lambda: window(double(0), 1.0, 0.0), lambda: step_size(double(1), 1, 1, 4.0),
        lambda: run_chains(lambda state: state, init_state(PLANES, ORIGIN), 3, ORIGIN, every=4),
        lambda: richardson(None, None, 1.0), lambda: drift(torch.zeros(2, 5)), lambda: drift(torch.zeros(9, 1)),
        lambda: r_hat(torch.zeros(3, 2)), lambda: plateau(np.array([2, 1]), np.ones(2), np.ones(2)),
        lambda: plateau(np.array([1, 2]), np.ones(2), np.zeros(2)), lambda: normal_crossing((1, -1)),
    ],
)  # fmt: skip
def test_what_cannot_be_sampled_is_refused(wrong):
    with pytest.raises(ConfigError):
        wrong()
