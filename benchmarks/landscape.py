"""Curvature and sampling of one network: what batches save, and against peers where these are installed.

All compute the same: the difference of results is printed.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import grad, jvp, vmap

from benchmarks import landscape_peers
from benchmarks.peers import there
from benchmarks.timing import best, head, row
from engines.loss_landscape.hessian.lanczos import rademacher
from engines.loss_landscape.hessian.products import Loss, Product, gauss_newton, reverse_over_reverse
from engines.loss_landscape.hessian.spectral_density import spectrum
from engines.loss_landscape.learning_coefficient.samplers import (
    init_state,
    langevin_kernel,
    mala_kernel,
    run_chains,
    window,
)
from engines.loss_landscape.models.mlp import Mlp

VECTORS, STEPS, CHAINS, B, ETA = 16, 20, 16, 100.0, 1e-4


def main() -> None:
    """Print all rows."""
    for sizes, n in (((4, 5, 3), 300), ((64, 16, 16, 10), 1437)):
        s = Setting(Mlp(sizes), n)
        head(f"Loss landscapes, {torch.get_num_threads()} thread(s), float64, {s.net.sizes}, P = {s.net.P}, n = {n}")
        _products(s)
        _quadrature(s)
        _chains(s)
    landscape_peers.main()


class Setting:
    """One network twice: parameters for `Mlp`, and the layers that peers expect."""

    def __init__(self, net: Mlp, n: int) -> None:
        self.net, sizes = net, net.sizes
        g = torch.Generator().manual_seed(0)
        self.X, self.Y = (torch.randn(n, width, generator=g, dtype=torch.float64) for width in (sizes[0], sizes[-1]))
        layers = [nn.Linear(a, b, dtype=torch.float64) for a, b in pairwise(sizes)]
        self.model = nn.Sequential(*[one for layer in layers for one in (layer, nn.ReLU())][:-1])
        self.star = self.net.join([torch.cat([one.weight, one.bias[:, None]], 1) for one in layers]).detach()
        self.U = rademacher(g, VECTORS, self.net.P)

    def loss(self, theta: Tensor) -> Tensor:
        return (self.net(theta, self.X) - self.Y).square().mean((-2, -1))

    def theirs(self, U: Tensor) -> Tensor:
        """Vectors in the order of the peers' parameters: weights, then biases, of each layer."""
        return torch.cat([part for W in self.net.split(U) for part in (W[..., :-1].flatten(-2), W[..., -1])], -1)


def compared(what: str, ours: Callable[[], Any], theirs: Callable[[], Any], off: float) -> None:
    """A row of their time over ours."""
    one, other = best(ours), best(theirs)
    row(what, other / one, "", f"{other * 1e3:.1f} ms against {one * 1e3:.1f} ms; they differ by {off:.0e}")


def difference(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).norm() / ours.norm())


def forward_over_reverse(loss: Loss, theta: Tensor) -> Product:
    """Hessian product `H u = d/dt grad(theta + t u)` at t = 0, by differentiating the gradient forwards.

    At `theta [*, P]`, for `U [m, *, P]`. Keeps nothing between products. Members are independent: the sum of their
    losses has all of their gradients.
    """
    gradient = grad(lambda at: loss(at).sum())

    def product(U: Tensor) -> Tensor:
        along = vmap(lambda u: jvp(gradient, (theta,), (u,))[1], in_dims=0)
        return along(U.to(theta.dtype)).to(U.dtype)

    return product


def _products(s: Setting) -> None:
    product = reverse_over_reverse(s.loss, s.star)
    expected = s.theirs(product(s.U))
    forwards = forward_over_reverse(s.loss, s.star)
    gauss = gauss_newton(lambda at: s.net(at, s.X), s.star)
    singles = [product(u[None]) for u in s.U]
    compared(f"{VECTORS} products one by one over a batch of them", lambda: product(s.U),
             lambda: [product(u[None]) for u in s.U], difference(product(s.U), torch.cat(singles)))  # fmt: skip
    compared(f"{VECTORS} products forwards over backwards twice", lambda: product(s.U), lambda: forwards(s.U),
             difference(product(s.U), forwards(s.U)))  # fmt: skip
    compared("one product forwards over backwards twice", lambda: product(s.U[:1]), lambda: forwards(s.U[:1]),
             difference(product(s.U[:1]), forwards(s.U[:1])))  # fmt: skip
    one, other = best(lambda: product(s.U)), best(lambda: gauss(s.U))
    row(f"{VECTORS} Gauss-Newton products over those with the Hessian", other / one, "", "two different matrices")
    if there("curvlinops"):
        from curvlinops import HessianLinearOperator

        operator = HessianLinearOperator(s.model, nn.MSELoss(), list(s.model.parameters()), [(s.X, s.Y)],
                                         check_deterministic=False)  # fmt: skip
        stacked = s.theirs(s.U).mT.contiguous()
        compared(f"{VECTORS} products: curvlinops over ours", lambda: product(s.U), lambda: operator @ stacked,
                 difference(expected, (operator @ stacked).mT))  # fmt: skip
    if there("hessian_eigenthings"):
        matrix, vectors = eigenthings(s), s.theirs(s.U)
        compared(f"{VECTORS} products: hessian-eigenthings over ours", lambda: product(s.U),
                 lambda: [matrix.matvec(u) for u in vectors],
                 difference(expected, torch.stack([matrix.matvec(u) for u in vectors])))  # fmt: skip


def eigenthings(s: Setting) -> Any:
    from hessian_eigenthings import HessianOperator, supervised_loss

    return HessianOperator(s.model, [(s.X, s.Y)], supervised_loss(nn.functional.mse_loss))


def _quadrature(s: Setting) -> None:
    if not there("hessian_eigenthings"):
        return
    from hessian_eigenthings import spectral_density

    k = min(40, s.net.P)
    product, probes, matrix = forward_over_reverse(s.loss, s.star), s.U[:4], eigenthings(s)

    def theirs() -> Any:
        return spectral_density(matrix, num_runs=4, lanczos_steps=k, seed=0)

    top, other = float(spectrum(product, probes, k).top), float(theirs().raw_eigenvalues.max())
    compared(f"4 probes of {k} Lanczos steps: hessian-eigenthings over ours (top)",
             lambda: spectrum(product, probes, k), theirs, abs(top - other) / top)  # fmt: skip


def _chains(s: Setting) -> None:
    def chains(how: Callable[..., Any], count: int) -> Callable[[], object]:
        step = how(s.loss, window(s.star, B), ETA, torch.Generator().manual_seed(0))
        begun = init_state(s.loss, s.star.expand(count, -1))
        return lambda: run_chains(step, begun, STEPS, s.star)

    one, many = best(chains(langevin_kernel, 1)), best(chains(langevin_kernel, CHAINS))
    row(f"{CHAINS} chains one by one over one batch", CHAINS * one / many, "", f"{many / STEPS * 1e3:.1f} ms a step")
    row("a step of MALA over one of SGLD", best(chains(mala_kernel, CHAINS)) / many, "", "")
    if there("devinterp.optim"):
        theirs = best(lambda: [devinterp(s) for _ in range(CHAINS)], 3)
        row(f"{CHAINS} chains of {STEPS} full-batch steps: devinterp's optimiser over ours", theirs / many, "",
            f"{theirs * 1e3:.0f} ms against {many * 1e3:.0f} ms; one after another as in its sampler")  # fmt: skip


def devinterp(s: Setting) -> None:
    """One chain by its documented loop."""
    from copy import deepcopy

    from devinterp.optim import SGMCMC

    model = deepcopy(s.model)
    optimiser = SGMCMC.sgld(model.parameters(), lr=ETA, nbeta=B, localization=1.0)
    for _ in range(STEPS):
        optimiser.zero_grad()
        nn.functional.mse_loss(model(s.X), s.Y).backward()
        optimiser.step()


if __name__ == "__main__":
    main()
