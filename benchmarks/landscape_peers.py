"""What the landscape lab promises over its peers, each answer beside the exact one; what is missing is said.

In single precision ours keeps Lanczos vectors in double.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from benchmarks.peers import there
from benchmarks.timing import best, head, row
from engines.loss_landscape.hessian import dense, products
from engines.loss_landscape.hessian.lanczos import largest_eigenpairs, rademacher
from engines.loss_landscape.hessian.products import softmax_metric
from engines.loss_landscape.hessian.spectral_density import density, spectrum
from engines.loss_landscape.learning_coefficient import quadrature
from engines.loss_landscape.learning_coefficient.llc import estimate_llc
from engines.loss_landscape.learning_coefficient.quadratic_predictions import quadratic as foretold
from engines.loss_landscape.learning_coefficient.samplers import (
    init_state,
    langevin_kernel,
    mala_kernel,
    run_chains,
    window,
)
from engines.loss_landscape.models import digits
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.potentials import crossing_planes, quadratic
from engines.loss_landscape.training.train import adamw, init_moments

TOP, STEPS, PROBES, QUADRATURE = 20, 60, 4, 40
CHAINS, DRAWS, BURN_IN, B = 16, 1000, 200, 100.0


def main() -> None:
    """Print all rows."""
    for hidden in ((8,), (16, 16)):
        for dtype in (torch.float64, torch.float32):
            s = Trained(hidden, dtype)
            head(f"Against peers, {torch.get_num_threads()} thread(s), {dtype}, {s.net.sizes}, P = {s.net.P}, n = 1437")
            _eigenvalues(s)
            _density(s)
            _chains_of_a_net(s)
    head(f"Learning coefficients, {CHAINS} chains, {BURN_IN} + {DRAWS} steps, float64")
    _known()


class Trained:
    """A network of the digits after 300 steps of AdamW, as ours and as the layers that peers expect."""

    def __init__(self, hidden: tuple[int, ...], dtype: torch.dtype) -> None:
        subject = digits.digits_subject([0], hidden)
        state, rate = init_moments(subject.start), subject.start.new_tensor([1e-2])
        for _ in range(300):
            state = adamw(state, subject.gradient(state.theta), rate, 0 * rate)
        theta = state.theta
        self.subject, self.theta = subject.to(dtype), theta[0].to(dtype)
        self.net, (self.X, self.y) = Mlp(subject.model.sizes), self.subject.train
        self.exact = torch.linalg.eigvalsh(dense.matrix(_hessian(self.net, theta[0], *subject.train), theta[0])).flip(0)
        layers = [nn.Linear(a, b, dtype=dtype) for a, b in pairwise(self.net.sizes)]
        with torch.no_grad():
            for layer, W in zip(layers, self.net.split(self.theta), strict=True):
                layer.weight.copy_(W[:, :-1])
                layer.bias.copy_(W[:, -1])
        self.model = nn.Sequential(*[one for layer in layers for one in (layer, nn.ReLU())][:-1])

    def product(self) -> Callable[[Tensor], Tensor]:
        return _hessian(self.net, self.theta, self.X, self.y)

    def loss(self, theta: Tensor) -> Tensor:
        return self.subject.loss(theta)

    def curvlinops(self) -> Any:
        from curvlinops import HessianLinearOperator

        parameters = list(self.model.parameters())
        return HessianLinearOperator(self.model, nn.CrossEntropyLoss(), parameters, [(self.X, self.y)],
                                     check_deterministic=False)  # fmt: skip

    def eigenthings(self) -> Any:
        from hessian_eigenthings import HessianOperator, supervised_loss

        return HessianOperator(self.model, [(self.X, self.y)], supervised_loss(nn.functional.cross_entropy))


def _hessian(net: Mlp, theta: Tensor, X: Tensor, y: Tensor) -> Callable[[Tensor], Tensor]:
    f = net(theta, X)
    return products.mlp_hessian(net, theta, X, softmax_metric(f), f.softmax(-1) - one_hot(y, f.shape[-1]).to(f))


def compared(what: str, target: str, ours: Callable[[], Any], theirs: Callable[[], Any], off: Callable[[Any], float],
             repetitions: int = 3) -> None:  # fmt: skip
    """A row of their time over ours, and how far the answers of both are off."""
    one, other = best(ours, repetitions), best(theirs, repetitions)
    errors = f"they are {off(theirs()):.0e} off, we {off(ours()):.0e}"
    row(what, other / one, target, f"{other * 1e3:.0f} ms against {one * 1e3:.0f} ms; {errors}")


def _eigenvalues(s: Trained) -> None:
    product, start, exact = s.product(), rademacher(torch.Generator().manual_seed(0), s.net.P), s.exact[:TOP]

    def off(found: Any) -> float:
        """Of the worst of all, relative to it."""
        values = torch.as_tensor(found.copy() if hasattr(found, "copy") else found, dtype=torch.float64)
        return float(((values.sort(descending=True).values - exact) / exact).abs().max())

    def ours() -> Tensor:
        return largest_eigenpairs(product, start, STEPS, TOP).values

    if there("hessian_eigenthings"):
        from hessian_eigenthings import lanczos

        theirs, what = s.eigenthings(), f"top {TOP} by {STEPS} Lanczos steps: hessian-eigenthings over ours"
        compared(what, ">= 3", ours, lambda: lanczos(theirs, k=TOP, max_iter=STEPS, which="LA", reorthogonalize=True,
                                                     seed=0).eigenvalues, off)  # fmt: skip
    if there("curvlinops"):
        from scipy.sparse.linalg import eigsh

        operator, what = s.curvlinops().to_scipy(), f"top {TOP}: scipy on curvlinops, tolerance 1e-4, over ours"
        compared(what, ">= 3", ours, lambda: eigsh(operator, TOP, which="LA", tol=1e-4, return_eigenvectors=False), off)


def _density(s: Trained) -> None:
    product, probes = s.product(), rademacher(torch.Generator().manual_seed(0), PROBES, s.net.P)
    mean, what = float(s.exact.mean()), f"density, {PROBES} probes of {QUADRATURE} steps:"

    def off(found: tuple[Tensor, Tensor]) -> float:
        """Of the mean eigenvalue, relative; so few probes alone are 24 % off (one sigma, larger net)."""
        return abs(float(torch.trapezoid(found[0] * found[1], found[0])) / mean - 1)

    def ours() -> tuple[Tensor, Tensor]:
        return density(spectrum(product, probes, QUADRATURE))

    if there("hessian_eigenthings"):
        from hessian_eigenthings import spectral_density

        matrix = s.eigenthings()

        def theirs() -> tuple[Tensor, Tensor]:
            found = spectral_density(matrix, num_runs=PROBES, lanczos_steps=QUADRATURE, num_grid_points=1024, seed=0)
            return found.grid, found.density

        compared(f"{what} hessian-eigenthings over ours", ">= 3", ours, theirs, off)
    if there("curvlinops"):
        from curvlinops import lanczos_approximate_spectrum

        operator = s.curvlinops()
        compared(f"{what} curvlinops over ours", ">= 3", ours,
                 lambda: lanczos_approximate_spectrum(operator, QUADRATURE, num_repeats=PROBES), off)  # fmt: skip


def _chains(
    loss: Callable[[Tensor], Tensor], star: Tensor, eta: float, steps: int, how: Any = langevin_kernel
) -> Tensor:
    """Losses `[T, C]`."""
    step = how(loss, window(star, B), eta, torch.Generator().manual_seed(0))
    return run_chains(step, init_state(loss, star.expand(CHAINS, -1)), steps, star)[1].losses


def _theirs(model: nn.Module, loss: Callable[[nn.Module], Tensor], eta: float, steps: int) -> Tensor:
    """Losses `[T, C]` by the optimiser of devinterp in its documented loop, chain after chain as in its sampler."""
    from copy import deepcopy

    from devinterp.optim import SGMCMC

    recorded = []
    for chain in range(CHAINS):
        torch.manual_seed(chain)
        moving = deepcopy(model)
        optimiser = SGMCMC.sgld(moving.parameters(), lr=eta, nbeta=B, localization=1.0)
        for _ in range(steps):
            optimiser.zero_grad()
            value = loss(moving)
            value.backward()
            optimiser.step()
            recorded.append(value.detach())
    return torch.stack(recorded).view(CHAINS, steps).mT


def _chains_of_a_net(s: Trained) -> None:
    if not there("devinterp.optim"):
        return
    eta, start = 0.1 / (B * float(s.exact[0]) + 1), float(s.loss(s.theta))

    def coefficient(losses: Tensor) -> float:
        return float(estimate_llc(losses, torch.tensor(B), start).value)

    def ours() -> Tensor:
        """Recorded before each step, as theirs: from the start to the last but one."""
        losses = _chains(s.subject, s.theta, eta, 20)
        return torch.cat([losses.new_full((1, CHAINS), start), losses[:-1]])

    def theirs() -> Tensor:
        return _theirs(s.model, lambda model: nn.functional.cross_entropy(model(s.X), s.y), eta, 20)

    one, other = best(ours, 3), best(theirs, 3)
    values = f"coefficients {coefficient(theirs()):.2f} and {coefficient(ours()):.2f}"
    times = f"{other * 1e3:.0f} ms against {one * 1e3:.0f} ms"
    row(f"{CHAINS} chains of 20 full-batch steps: devinterp over ours", other / one, ">= 5", f"{times}; {values}")


class Point(nn.Module):
    """Parameters that are a point of a loss in closed form."""

    def __init__(self, star: Tensor) -> None:
        super().__init__()
        self.theta = nn.Parameter(star.clone())


def _known() -> None:
    if not there("devinterp.optim"):
        return
    h = torch.logspace(0, 1, 10, dtype=torch.float64)
    planes, zero = crossing_planes(1), torch.zeros(2, dtype=torch.float64)
    regular = float(foretold(h, B)), 0.2 / (B * 10 + 1)
    singular = float(quadrature.crossing_planes(1, 1, B)), 0.002
    for name, loss, star, (exact, eta) in (("quadratic, P = 10", quadratic(h), torch.zeros_like(h), regular),
                                           ("w1^2 w2^2", planes, zero, singular)):  # fmt: skip

        def off(losses: Tensor, exact: float = exact) -> float:
            return abs(float(estimate_llc(losses[BURN_IN:], torch.tensor(B)).value) / exact - 1)

        def theirs(loss: Any = loss, star: Tensor = star, eta: float = eta) -> Tensor:
            return _theirs(Point(star), lambda model: loss(model.theta), eta, BURN_IN + DRAWS)

        for kind, how in (("SGLD", langevin_kernel), ("MALA", mala_kernel)):
            compared(f"{name}: devinterp over our {kind}", ">= 5",
                     lambda loss=loss, star=star, eta=eta, how=how: _chains(loss, star, eta, BURN_IN + DRAWS, how),
                     theirs, off, 1)  # fmt: skip


if __name__ == "__main__":
    main()
