import numpy as np
import pytest
import torch

from engines.core.numerics.svec import UpperTriangle
from engines.matrix_sensing import operators
from engines.matrix_sensing.config import MatrixSensing
from engines.matrix_sensing.draws import draw
from tests.matrix_sensing.plain import normal

CPU = torch.device("cpu")
SENSED = ("gaussian", "gaussian_symmetric", "rank_one", "completion")
SMALL = dict(n=6, r=2, k=3, m=30)


def drawn(operator, symmetric=False, **knobs):
    config = MatrixSensing(operator=operator, **(SMALL | knobs))
    return draw(config, CPU, symmetric).operator


def matrix(operator, n=6):
    """The matrix of A*A, column by column, through the public maps alone."""
    units = torch.eye(n * n, dtype=torch.float64).view(n * n, n, n)
    eye = torch.eye(n, dtype=torch.float64).expand(n * n, n, n)
    return operator.right(operator.residual(units, eye, None), eye).reshape(n * n, n * n)


@pytest.mark.parametrize("name", SENSED)
def test_a_star_a_is_symmetric_and_positive(name):
    H = matrix(drawn(name))
    torch.testing.assert_close(H, H.T, rtol=1e-12, atol=1e-12)
    assert torch.linalg.eigvalsh(H).min() > -1e-12


@pytest.mark.parametrize("name", SENSED)
def test_left_is_the_transpose_of_right(name):
    operator = drawn(name)
    stream = np.random.default_rng(0)
    L, N, F, G = (torch.from_numpy(stream.standard_normal((2, 6, 3))) for _ in range(4))
    residual = operator.residual(L, N, None)
    eye = torch.eye(6, dtype=torch.float64).expand(2, 6, 6)
    R = operator.right(residual, eye)
    torch.testing.assert_close(operator.right(residual, G), R @ G, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(operator.left(residual, F), R.mT @ F, rtol=1e-12, atol=1e-12)
    # <E, A*A(E)> / 2 is the loss.
    half = 0.5 * ((L @ N.mT) * R).sum((-2, -1))
    torch.testing.assert_close(operator.loss(residual, None), half, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", SENSED)
def test_what_many_members_share_lies_otherwise_in_memory_and_is_the_same_map(name, monkeypatch):
    operator = drawn(name)
    monkeypatch.setattr(operators, "MANY", 2)
    shared = operators.served(operator, 2)
    assert operators.served(operator, 1) is operator
    torch.testing.assert_close(matrix(shared), matrix(operator), rtol=1e-12, atol=1e-12)
    if isinstance(operator, operators.GaussianOperator):
        assert torch.equal(shared.down, operator.down) and shared.down.stride() == operator.down.stride()[::-1]


def test_svec_is_an_isometry():
    E = torch.from_numpy(np.random.default_rng(1).standard_normal((4, 5, 5)))
    E = E + E.mT
    triangle = UpperTriangle(5, E, exact=False)
    packed = triangle.svec(E)
    torch.testing.assert_close(packed @ packed.mT, E.flatten(1) @ E.flatten(1).mT, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(triangle.mirrored(triangle.upper(E)), E, rtol=1e-15, atol=0)


@pytest.mark.parametrize("m", [4, 200])
def test_the_gram_form_equals_the_sum_over_measurements(m):
    """m = 4 keeps A, m = 200 the Gram matrix; both against a loop over A_i."""
    operator = drawn("gaussian", m=m)
    stream = np.random.default_rng(0)
    stream.standard_normal((6, 2))
    A = stream.standard_normal((m, 6, 6))
    E = np.random.default_rng(3).standard_normal((6, 6))
    np.testing.assert_allclose(operator.normal(torch.from_numpy(E)[None])[0], normal(A, E), rtol=1e-12, atol=1e-13)


def test_svec_coordinates_give_the_symmetric_part():
    """For a symmetric E the folded operator returns sym(A*A(E)) of the same draw."""
    full, folded = drawn("gaussian", m=200), drawn("gaussian", m=200, symmetric=True)
    E = torch.from_numpy(np.random.default_rng(5).standard_normal((3, 6, 6)))
    E = E + E.mT
    R = full.normal(E)
    torch.testing.assert_close(folded.normal(E), 0.5 * (R + R.mT), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["gaussian", "rank_one", "completion"])
def test_the_mean_of_a_star_a_over_draws_is_the_identity(name):
    draws = 400
    found = torch.stack([matrix(drawn(name, operator_seed=seed)) for seed in range(draws)])
    deviation = (found.mean(0) - torch.eye(36, dtype=torch.float64)).abs()
    standard_error = found.std(0) / draws**0.5
    assert (deviation <= 5 * standard_error + 1e-12).all()


def test_symmetric_rank_one_measurements_would_be_biased():
    """E[a aᵀ <a aᵀ, X>] = 2X + tr(X) I for symmetric X: the reason for independent a and b."""
    stream = np.random.default_rng(0)
    X = np.diag([1.0, 0.5, -0.2])
    a = stream.standard_normal((400_000, 3))
    samples = np.einsum("mi,ij,mj->m", a, X, a)[:, None, None] * a[:, :, None] * a[:, None, :]
    error = samples.std(0) / np.sqrt(len(a))
    assert (np.abs(samples.mean(0) - (2 * X + np.trace(X) * np.eye(3))) <= 5 * error).all()


@pytest.mark.parametrize("name", SENSED)
def test_the_loss_with_noise_is_the_mean_squared_residual(name):
    """For data y = A(M) + v e, at X = M the loss is v²|e|²/2m, and elsewhere its gradient is A*(A(E) - v e)."""
    operator = drawn(name)
    level = torch.full((1, 1, 1), 0.3, dtype=torch.float64)
    L = torch.from_numpy(np.random.default_rng(2).standard_normal((1, 6, 3)))
    if name == "gaussian_symmetric":
        L = L @ torch.tensor([[1.0, 0, 0], [0, 0, 0], [0, 0, 0]], dtype=torch.float64)
    N = L if name == "gaussian_symmetric" else torch.from_numpy(np.random.default_rng(4).standard_normal((1, 6, 3)))
    eye = torch.eye(6, dtype=torch.float64)[None]

    def loss(E):
        return operator.loss(operator.residual(E, eye, level), level)

    E = L @ N.mT
    direction = torch.from_numpy(np.random.default_rng(6).standard_normal((1, 6, 6)))
    direction = direction + direction.mT if name == "gaussian_symmetric" else direction
    R = operator.right(operator.residual(E, eye, level), eye)
    central = (loss(E + 1e-4 * direction) - loss(E - 1e-4 * direction)) / 2e-4
    torch.testing.assert_close(central, (R * direction).sum((-2, -1)), rtol=1e-8, atol=1e-9)
    assert loss(torch.zeros_like(E)).item() > 0
