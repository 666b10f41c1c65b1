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
