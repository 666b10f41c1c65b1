"""The bridge between counting and sampling: the coefficient of ReLU nets is half the soft rank of their Hessian."""

import pytest
import torch

from engines.loss_landscape.learning_coefficient.llc import estimate_llc
from engines.loss_landscape.learning_coefficient.quadratic_predictions import euler
from engines.loss_landscape.learning_coefficient.quadratic_predictions import quadratic as foretold
from engines.loss_landscape.learning_coefficient.samplers import init_state, langevin_kernel, run_chains, window
from engines.loss_landscape.models.mlp import Mlp
from tests.loss_landscape.hessian.dense_gram import gram


def bridge(seed=0):
    """The 4-5-3 net of generic weights, and its 300 data."""
    net, g = Mlp((4, 5, 3)), torch.Generator().manual_seed(seed)
    X = torch.randn(300, 4, generator=g, dtype=torch.float64)
    weights = []
    for rows, columns in net.shapes:
        W = torch.randn(rows, columns - 1, generator=g, dtype=torch.float64) * 1.5 / (columns - 1) ** 0.5
        weights.append(torch.cat([W, torch.randn(rows, 1, generator=g, dtype=torch.float64) / 2], -1))
    return net, X, weights


PLANTED = {
    "generic": lambda W: None,
    "parallel": lambda W: W[0][4].copy_(1.5 * W[0][3]),
    "dead": lambda W: W[0][4].mul_(0.01)[-1:].fill_(-6),
}


@pytest.mark.thorough
def test_the_coefficient_of_relu_nets_is_half_the_soft_rank_and_falls_with_planted_degeneracy():
    """5 % of N_eff/2 and 3 standard errors; three nets in one batch of 16 chains, 7000 steps at eta kappa_max = .05."""
    stars, b, gamma = [], 1e5, 100.0
    for plant in PLANTED.values():
        net, X, weights = bridge()
        plant(weights)
        stars.append(net.join(weights))
    star = torch.stack(stars)
    target = net(star, X)[:, None]

    def loss(theta):
        return (net(theta, X) - target).square().sum((-2, -1)) / 600

    G = torch.stack([gram(net, one, X) for one in star])
    h, V = torch.linalg.eigh(G)
    eta = 0.05 / (b * h.amax(-1, keepdim=True) + gamma)
    g = torch.Generator().manual_seed(1)
    begun = torch.randn(3, 16, net.P, generator=g, dtype=torch.float64) / (b * h.clamp_min(0) + gamma).sqrt()[:, None]
    theta = star[:, None] + begun @ V.mT
    step = langevin_kernel(loss, window(star[:, None], b, gamma), eta, torch.Generator().manual_seed(0))
    state, _ = run_chains(step, init_state(loss, theta), 200, star[:, None], every=200)
    _, trace = run_chains(step, state, 6800, star[:, None], every=10)
    found = estimate_llc(trace.losses, torch.tensor(b))
    counts = foretold(h, torch.full((3,), b), torch.full((3,), gamma))
    assert torch.allclose(found.value, counts, rtol=0.05)
    assert ((found.value - euler(h, b, gamma, eta[:, 0])).abs() < 3 * found.error).all()
    assert found.value[0] > found.value[1] > found.value[2]
