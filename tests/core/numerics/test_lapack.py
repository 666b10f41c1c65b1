import pytest
import torch

from engines.core.numerics import lapack


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def batch(n):
    A = torch.randn(5, n, n, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return A + A.mT


@pytest.mark.parametrize("name", ["eigvalsh", "eigh", "svdvals"])
def test_small_matrices_are_done_by_one_thread_and_the_others_come_back(name, monkeypatch):
    seen = []
    original = getattr(torch.linalg, name)
    monkeypatch.setattr(torch.linalg, name, lambda A: (seen.append(torch.get_num_threads()), original(A))[1])
    found = getattr(lapack, name)(batch(20))
    getattr(lapack, name)(batch(lapack.SMALL + 1))
    assert seen == [1, 2] and torch.get_num_threads() == 2
    torch.testing.assert_close(tuple(found), tuple(original(batch(20))), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_a_matrix_that_is_not_finite_leaves_the_others_as_they_are(poison):
    healthy, ill = batch(20), batch(20)
    ill[1, 3, 4] = ill[1, 4, 3] = poison
    found = lapack.eigvalsh(ill)
    assert found[1].isnan().all()
    torch.testing.assert_close(found[[0, 2, 3, 4]], lapack.eigvalsh(healthy)[[0, 2, 3, 4]], rtol=0, atol=0)
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("size", [1e-300, 2e-141, 1.0, 1e300])
def test_singular_values_of_matrices_of_any_size(size):
    """Exactly those of the matrix over a power of 2, so that sizes change nothing but the last place."""
    A = torch.randn(3, 13, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = torch.linalg.svdvals(A)
    U, S, VT = lapack.svd(A * size)
    torch.testing.assert_close(S / size, expected, rtol=1e-13, atol=0)
    torch.testing.assert_close(lapack.svdvals(A * size) / size, expected, rtol=1e-13, atol=0)
    torch.testing.assert_close((U * (S / size)[:, None]) @ VT, A, rtol=1e-12, atol=1e-12)
