"""Every update rule against torch.optim and the authors' packages, over hundreds of noisy steps."""

import numpy as np
import pytest
import torch

from engines.core.methods import spectral
from engines.core.methods.entrywise import Adam, GradientDescent, Lion, Momentum, PolyakStep, Sign
from engines.core.methods.matrix import Muon, ScaledGD, Shampoo, Soap
from engines.core.methods.method import Inputs, Leaf, split
from engines.core.methods.rate_free import DAdaptAdam, DAdaptSGD, DoG, Mechanic, Prodigy, ScheduleFree
from tests.core.methods.plain import KNOBS, Quadratic, ours, theirs

STEPS = 300
TORCH, AUTHORS = 1e-13, 1e-11


def off(ours, theirs):
    """Largest difference over the path, against the distance that was covered."""
    return float((ours - theirs).abs().max() / (theirs - theirs[0]).abs().max())


@pytest.mark.parametrize(
    ("method", "make", "knobs"),
    [
        (GradientDescent(), lambda p: torch.optim.SGD(p, lr=0.05), {}),
        (Momentum(), lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9), {}),
        (Momentum(nesterov=True), lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True), {}),
        (Adam(), lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.1), {"weight_decay": 0.1}),
        (Adam(first=False, corrected=False), lambda p: torch.optim.RMSprop(p, lr=0.05, alpha=0.99), {"beta2": 0.99}),
    ],
    ids=["sgd", "heavy ball", "nesterov", "adamw", "rmsprop"],
)
def test_rules_are_those_of_torch(method, make, knobs):
    problem = Quadratic()
    assert off(ours(method, STEPS, problem, **knobs)[0], theirs(make, STEPS, problem)) < TORCH


def test_muon_is_torchs_but_for_its_bfloat16():
    """Over 30 random steps within 1.5 % of the distance moved, in float64 and with another order of roundings."""
    problem = Quadratic(noise=1.0)

    def make(p):
        return torch.optim.Muon(p, lr=0.02, weight_decay=0.1, momentum=0.9)

    theirs_ = theirs(make, 30, problem)
    for kind in ("newton_schulz", "newton_schulz_bf16"):
        found = ours(Muon(orthogonalise=kind), 30, problem, rate=0.02, weight_decay=0.1)[0]
        assert off(found, theirs_) < 0.015


def _package(name):
    return pytest.importorskip(name)


def test_lion_is_that_of_pytorch_optimizer():
    package, problem = _package("pytorch_optimizer"), Quadratic()

    def make(p):
        return package.Lion(p, lr=0.01, betas=(0.9, 0.99), weight_decay=0.0)

    assert off(ours(Lion(), STEPS, problem, rate=0.01, beta2=0.99)[0], theirs(make, STEPS, problem)) < AUTHORS


def test_soap_with_a_fixed_basis_is_that_of_pytorch_optimizer():
    """6 x 6, to 1e-7: it casts its basis to single precision on the way."""
    package, problem = _package("pytorch_optimizer"), Quadratic(sizes=((6, 6),))

    def make(p):
        return package.SOAP(
            p, lr=0.01, betas=(0.9, 0.95), shampoo_beta=0.95, weight_decay=0.0, precondition_frequency=10**6,
            correct_bias=True,
        )  # fmt: skip

    found = ours(Soap(every=10**6), 100, problem, rate=0.01, beta2=0.95)[0]
    assert off(found, theirs(make, 100, problem)) < 1e-7


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["AdamW", "SGD", "SOAP"])
def test_rules_are_those_of_heavyball(name, monkeypatch):
    """To its single precision. Its Muon, RMSprop and Schedule-Free are other rules under these names."""
    package, problem = _package("heavyball"), Quadratic(sizes=((6, 6),))
    monkeypatch.setattr(package.utils, "compile_mode", None)
    options, method, knobs = {
        "AdamW": ({"betas": (0.9, 0.999), "weight_decay": 0.1}, Adam(), {"weight_decay": 0.1}),
        "SGD": ({"beta": 0.9}, Momentum(), {}),
        "SOAP": ({"betas": (0.9, 0.95), "weight_decay": 0.0, "precondition_frequency": 10**6}, Soap(every=10**6),
                 {"beta2": 0.95}),
    }[name]  # fmt: skip

    def make(p):
        return getattr(package, name)(p, lr=0.02, **options)

    assert off(ours(method, 100, problem, rate=0.02, **knobs)[0], theirs(make, 100, problem)) < 2e-6


def test_prodigy_is_that_of_its_authors():
    package, problem = _package("prodigyopt"), Quadratic()

    def make(p):
        return package.Prodigy(p, lr=1.0, betas=(0.9, 0.999), weight_decay=0.0)

    assert off(ours(Prodigy(), STEPS, problem, rate=1.0)[0], theirs(make, STEPS, problem)) < AUTHORS


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_d_adaptation_of_gradient_descent_is_that_of_its_authors(momentum):
    package, problem = _package("dadaptation"), Quadratic()

    def make(p):
        return package.DAdaptSGD(p, lr=0.1, momentum=momentum)

    found = ours(DAdaptSGD(), STEPS, problem, rate=0.1, beta1=momentum)[0]
    assert off(found, theirs(make, STEPS, problem)) < AUTHORS


def test_d_adaptation_of_adam_is_that_of_its_authors():
    package, problem = _package("dadaptation"), Quadratic()
    found = ours(DAdaptAdam(), STEPS, problem, rate=1.0)[0]
    assert off(found, theirs(lambda p: package.DAdaptAdam(p, lr=1.0), STEPS, problem)) < AUTHORS


@pytest.mark.parametrize("adam", [False, True])
def test_schedule_free_is_that_of_its_authors(adam):
    package, problem = _package("schedulefree"), Quadratic()

    def make(p):
        kinds = {False: (package.SGDScheduleFree, {"momentum": 0.9}), True: (package.AdamWScheduleFree, {})}
        kind, options = kinds[adam]
        optimiser = kind(p, lr=0.02, foreach=False, **options)
        optimiser.train()
        return optimiser

    def reported(optimiser, parts):
        optimiser.eval()
        x = torch.cat([part.detach().flatten() for part in parts])
        optimiser.train()
        return x

    found = ours(ScheduleFree(adam=adam), STEPS, problem, rate=0.02)[0]
    assert off(found, theirs(make, STEPS, problem, reported)) < AUTHORS


def test_dowg_is_that_of_optax():
    """In float64, from the same first estimate of the distance."""
    optax, jax = _package("optax"), _package("jax")
    with jax.enable_x64(True):
        problem, points = Quadratic(), []
        rule = optax.contrib.dowg(learning_rate=1.0, init_estim_sq_dist=1e-12, eps=0.0)
        w = jax.numpy.asarray(problem.start.numpy())
        state = rule.init(w)
        for t in range(200):
            g = problem.gradient(torch.tensor(np.array(w)), t).numpy()
            change, state = rule.update(jax.numpy.asarray(g), state, w)
            w = w + change
            points.append(torch.tensor(np.array(w)))
    assert off(ours(DoG(weighted=True), 200, problem, rate=1.0)[0], torch.stack(points)) < AUTHORS


def test_dog_and_mechanic_are_the_published_formulas():
    """Written down once more as scalars and loops; their packages are not on the index."""
    problem = Quadratic(sizes=((2, 2),))
    x = x0 = problem.start.numpy()
    rb, total, dog = 1e-6 * (1 + np.linalg.norm(x0)), 1e-8, []
    for t in range(200):
        g = problem.gradient(torch.tensor(x), t).numpy()
        rb, total = max(rb, np.linalg.norm(x - x0)), total + g @ g
        x = x - rb / np.sqrt(total) * g
        dog.append(torch.tensor(x))
    assert off(ours(DoG(), 200, problem, rate=1.0)[0], torch.stack(dog)) < AUTHORS

    x, D, betas = x0, 0 * x0, [1 - 0.1**k for k in range(1, 7)]
    path, (s, m, q, r) = [], ([0.0] * 6 for _ in range(4))
    for t in range(200):
        g = problem.gradient(torch.tensor(x), t).numpy()
        y = x - 0.1 * g
        h = D @ (g + 0.01 * y * sum(s) * np.linalg.norm(g) / (np.linalg.norm(y) + 1e-8))
        D = D - 0.1 * g
        for j, beta in enumerate(betas):
            m[j], q[j] = max(beta * m[j], abs(h)), beta**2 * q[j] + h * h
            r[j] = max(beta * r[j] - s[j] * h, 0)
            s[j] = (m[j] * 1e-6 / 6 + r[j]) / (np.sqrt(q[j]) + 1e-8)
        x = x0 + D * sum(s)
        path.append(torch.tensor(x))
    assert off(ours(Mechanic(), 200, problem, rate=0.1)[0], torch.stack(path)) < 1e-9


# -- matrices ---------------------------------------------------------------------------------------------------


def matrix(values, rows, columns, seed=0):
    """A matrix with these singular values, and its singular vectors."""
    stream, q = np.random.default_rng(seed), len(values)
    U, V = (np.linalg.qr(stream.standard_normal((n, q)))[0] for n in (rows, columns))
    return torch.tensor(U @ np.diag(values) @ V.T)[None], torch.tensor(U), torch.tensor(V)


@pytest.mark.parametrize(("rows", "columns"), [(5, 8), (8, 5), (5, 5)])
def test_newton_schulz_is_a_polynomial_of_the_singular_values(rows, columns):
    values = np.geomspace(1, 1e-3, 5)
    X, U, V = matrix(values, rows, columns)
    scaled = torch.tensor(values) / (np.linalg.norm(values) + 1e-7)
    expected = U @ torch.diag(spectral.phi(scaled)) @ V.T
    assert (spectral.newton_schulz(X, Leaf(rows, columns), 5)[0] - expected).abs().max() < 1e-13
    diagonal = spectral.newton_schulz(torch.tensor(values)[None], Leaf(rows, columns, 5), 5)[0]
    torch.testing.assert_close(diagonal, spectral.phi(scaled), rtol=0, atol=1e-13)


def test_the_polynomial_stays_in_its_band():
    """phi_5 in [.682, 1.134] on [.01, 1], in [.682, 1.202] on [.002, 1], with the slope 484.9 at 0."""
    for low, most in ((0.01, 1.134), (0.002, 1.202)):
        values = spectral.phi(torch.linspace(low, 1, 100_001, dtype=torch.float64))
        assert values.min() == pytest.approx(0.682, abs=1e-3)
        assert values.max() == pytest.approx(most, abs=1e-3)
    assert float(spectral.phi(torch.tensor(1e-9, dtype=torch.float64))) / 1e-9 == pytest.approx(484.9, abs=0.1)


@pytest.mark.parametrize(("condition", "limit"), [(1e2, 1e-11), (1e4, 1e-7), (1e6, 1e-4)])
def test_the_polar_factor_has_equal_singular_values_and_loses_the_digits_it_says(condition, limit):
    X, U, V = matrix(np.geomspace(1, 1 / condition, 5), 5, 8)
    for Y, expected in ((X, U @ V.T), (X.mT, V @ U.T)):
        assert (spectral.polar(Y, Leaf(*Y.shape[1:]))[0] - expected).abs().max() < limit


def test_nothing_comes_of_a_gradient_of_zero():
    zero, leaf = torch.zeros(2, 4, 3, dtype=torch.float64), Leaf(4, 3)
    assert not spectral.polar(zero, leaf).any()
    assert not spectral.newton_schulz(zero, leaf, 5).any()


def test_shampoo_without_memory_is_the_polar_factor():
    X, *_ = matrix(np.geomspace(1, 0.1, 4), 4, 6)
    L, R = spectral.matrix_power(X @ X.mT, -0.25), spectral.matrix_power(X.mT @ X, -0.25)
    assert (L @ X @ R - spectral.polar(X, Leaf(4, 6))).abs().max() < 1e-12


TURNED = [
    (GradientDescent(), True), (Muon(orthogonalise="polar"), True), (Muon(), True), (Shampoo(), True),
    (ScaledGD(), True), (Momentum(), True), (Soap(), True), (Sign(), False), (Adam(), False),
]  # fmt: skip


@pytest.mark.parametrize(("method", "equivariant"), TURNED, ids=lambda value: type(value).__name__)
def test_matrix_methods_turn_with_the_basis_and_entrywise_ones_do_not(method, equivariant):
    """`W_1 -> Q W_1 P`, `W_2 -> N W_2 Qᵀ` on a factorisation: the path turns with it, to 1e-8, or it does not."""
    stream = np.random.default_rng(3)
    Q, P, N = (torch.tensor(np.linalg.qr(stream.standard_normal((4, 4)))[0]) for _ in range(3))
    M = torch.tensor(np.diag([3.0, 2.0, 1.0, 0.5]) + 0.05 * stream.standard_normal((4, 4)))
    start = torch.tensor(0.3 * stream.standard_normal((2, 4, 4)))
    one = path(method, M, start)
    other = path(method, N @ M @ P, torch.stack([Q @ start[0] @ P, N @ start[1] @ Q.T]))
    turned = torch.stack([torch.stack([Q @ a @ P, N @ b @ Q.T]) for a, b in one])
    assert bool((turned - other).abs().max() < 1e-8) is equivariant


def path(method, M, start, steps=25):
    leaves = (Leaf(4, 4), Leaf(4, 4))
    knobs = {name: torch.full((1, 1), float(value), dtype=torch.float64) for name, value in KNOBS.items()}
    w, rate, found = start.flatten()[None], torch.full((1, 1), 0.01, dtype=torch.float64), []
    memory = method.init(w, knobs, leaves)
    for t in range(steps):
        A, B = (part[0] for part in split(w, leaves))
        E = B @ A - M
        g = torch.cat([(B.T @ E).flatten(), (E @ A.T).flatten()])[None]
        number = torch.full((1, 1), t + 1.0, dtype=torch.float64)
        w, memory = method.update(Inputs(g, w, torch.zeros(1, 1), rate, number, knobs, leaves), memory)
        found.append(torch.stack([part[0] for part in split(w, leaves)]))
    return torch.stack(found)


def test_polyaks_step_solves_a_parabola_of_one_dimension_by_halves():
    """`x²/2`: the tangent reaches 0 at x/2."""
    one = torch.ones(1, 1, dtype=torch.float64)
    w = 8 * one
    for t in range(3):
        inputs = Inputs(w, w, w.square() / 2, one, one * (t + 1), {"least_loss": 0 * one, "weight_decay": 0 * one}, ())
        w, _ = PolyakStep().update(inputs, {})
    assert float(w) == 1.0
