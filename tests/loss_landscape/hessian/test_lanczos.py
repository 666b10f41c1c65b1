"""Lanczos and what is made of it, against dense decompositions and known spectra."""

import numpy as np
import pytest
import scipy.stats
import torch

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.hessian.effective_dimension import (
    soft_rank,
)
from engines.loss_landscape.hessian.lanczos import (
    lanczos,
    largest_eigenpairs,
    rademacher,
    ritz,
    smallest_eigenpairs,
)
from engines.loss_landscape.hessian.spectral_density import (
    bandwidth,
    density,
    hutch_plus_plus,
    hutchinson,
    soft_count,
    spectrum,
)
from tests.loss_landscape.hessian.volume import (
    hard_rank,
    inverse_temperature,
    mean_loss,
    null_eigenvectors,
    volume_slope,
)


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def symmetric(values, seed=0):
    """A matrix with these eigenvalues in a random basis, and the basis."""
    basis = torch.linalg.qr(torch.randn(len(values), len(values), generator=stream(seed), dtype=torch.float64))[0]
    return (basis * values) @ basis.T, basis


def synthetic(P=1500, zeros=300):
    """Zeros, and the rest log-uniform from 1e-6 to 1e2; by a diagonal matrix."""
    u = torch.rand(P - zeros, generator=stream(0), dtype=torch.float64)
    return torch.cat([torch.zeros(zeros, dtype=torch.float64), 10 ** (8 * u - 6)])


def test_the_vectors_stay_orthonormal_and_tridiagonalise():
    """`Q^T Q = I` and `Q^T H Q = T` to 1e-12 after sixty steps on a spectrum over ten decades."""
    H, _ = symmetric(torch.logspace(-8, 2, 80, dtype=torch.float64))
    space = lanczos(lambda U: U @ H, rademacher(stream(), 2, 80), 60)
    for probe in range(2):
        Q = space.Q[:, probe]
        T = Q @ H @ Q.T
        assert torch.allclose(Q @ Q.T, torch.eye(60, dtype=torch.float64), atol=1e-12, rtol=0)
        expected = (
            torch.diag(space.alpha[probe])
            + torch.diag(space.beta[probe, :-1], 1)
            + torch.diag(space.beta[probe, :-1], -1)
        )
        assert torch.allclose(T, expected, atol=1e-10, rtol=0)


def test_all_steps_give_all_eigenvalues_multiple_ones_and_zeros_too():
    """An exhausted space is continued: 3 x 1, 4 x 0, 2, 5 to 1e-12; two different matrices in one batch."""
    values = torch.tensor([0.0] * 4 + [1.0] * 3 + [2.0, 5.0], dtype=torch.float64)
    H, other = symmetric(values)[0], symmetric(torch.arange(9.0, dtype=torch.float64), seed=1)[0]
    both = torch.stack([H, other])
    found, _ = ritz(lanczos(lambda U: torch.einsum("mbp,bpq->mbq", U, both), rademacher(stream(), 1, 2, 9), 9))
    assert torch.allclose(found[0, 0], values, atol=1e-12, rtol=0)
    assert torch.allclose(found[0, 1], torch.arange(9.0, dtype=torch.float64), atol=1e-12, rtol=0)


def test_spaces_that_are_exhausted_at_once_stay_orthonormal():
    """Of the zero matrix, where the residual is exactly nothing, and of rank one: 1e-12."""
    one = torch.zeros(6, 6, dtype=torch.float64)
    one[0, 0] = 3
    for H, expected in ((0 * one, [0] * 6), (one, [0] * 5 + [3])):
        space = lanczos(lambda U, H=H: U @ H, rademacher(stream(), 1, 6), 6)
        assert torch.allclose(space.Q[:, 0] @ space.Q[:, 0].T, torch.eye(6, dtype=torch.float64), atol=1e-12, rtol=0)
        assert ritz(space)[0][0].tolist() == pytest.approx(expected, abs=1e-12)


def test_forty_steps_have_the_top_eigenvalue_to_seven_digits():
    """The synthetic spectrum of 1500; values within their residuals, both ends."""
    h = synthetic()
    largest = largest_eigenpairs(lambda U: U * h, rademacher(stream(), 1500), 40, 1)
    assert float(largest.values[0]) == pytest.approx(float(h.max()), rel=1e-7)
    assert (h - largest.values[0]).abs().min() <= largest.residuals[0] + 1e-12


def test_both_ends_have_the_eigenvectors_of_a_dense_solver():
    """|cosine| = 1 to 1e-10, and residuals are the true ones to 1e-10."""
    values = torch.cat([torch.tensor([-3.0, -1.0]), torch.linspace(0.1, 4, 40), torch.tensor([7.0, 9.0])]).double()
    H, basis = symmetric(values)
    start = rademacher(stream(), 44)
    high, low = largest_eigenpairs(lambda U: U @ H, start, 30, 2), smallest_eigenpairs(lambda U: U @ H, start, 30, 2)
    for pairs, columns in ((high, (43, 42)), (low, (0, 1))):
        for vector, value, residual, column in zip(pairs.vectors, pairs.values, pairs.residuals, columns, strict=True):
            assert float(value) == pytest.approx(float(values[column]), abs=1e-10)
            assert abs(float(vector @ basis[:, column])) == pytest.approx(1, abs=1e-10)
            assert float((H @ vector - value * vector).norm()) == pytest.approx(float(residual), abs=1e-10)


def test_the_null_space_is_that_of_the_matrix():
    """Dimension 4 and `H v = 0` to 1e-12; single precision is refused."""
    H, _ = symmetric(torch.tensor([-1.0] + [0.0] * 4 + [1e-8, 1.0, 3.0], dtype=torch.float64))
    V = null_eigenvectors(H)
    assert V.shape == (8, 4)
    assert (H @ V).norm() < 1e-12
    with pytest.raises(ConfigError, match="float64 only"):
        null_eigenvectors(H.float())


def test_a_flat_direction_is_found_without_the_matrix():
    """The lowest Ritz vector is what of the start lies in the null space: 1e-8 at a gap of one in fifty."""
    values = torch.cat([torch.zeros(5), torch.linspace(1, 50, 60)]).double()
    H, basis = symmetric(values)
    start = rademacher(stream(), 65)
    found = smallest_eigenpairs(lambda U: U @ H, start, 50, 1).vectors[0]
    inside = basis[:, :5] @ (basis[:, :5].T @ start)
    assert abs(float(found @ inside / inside.norm())) == pytest.approx(1, abs=1e-8)


def test_quadrature_integrates_polynomials_exactly():
    """`sum w theta^p = z . H^p z/|z|^2` for p < 2k, relative 1e-12."""
    H, _ = symmetric(torch.linspace(0.1, 1, 30, dtype=torch.float64))
    z = rademacher(stream(), 1, 30)
    seen = spectrum(lambda U: U @ H, z, 6)
    for power in range(12):
        expected = float(z[0] @ torch.linalg.matrix_power(H, power) @ z[0]) / 30
        assert float((seen.weights * seen.nodes**power).sum()) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("b", "steps", "excess"), [(100, (20, 40, 80), (0.72, 0.26, 0.032)), (1e4, (160, 320), (0.35, 0.036))]
)
def test_too_few_steps_count_too_many_and_enough_are_within_five_per_cent(b, steps, excess):
    """Within .06 of the excess measured on other draws of the spectrum; 5 % where resolved, and so it says."""
    h = synthetic()
    at = torch.tensor([float(b)], dtype=torch.float64)
    exact = float(soft_rank(h, float(b)))
    probes = rademacher(stream(1), 4, 1500)
    for k, expected in zip(steps, excess, strict=True):
        seen = spectrum(lambda U: U * h, probes, k)
        found, plain = soft_count(seen, at), integrated(seen, b)
        assert plain / exact - 1 == pytest.approx(expected, abs=0.06)
        ratio = k / float((b * h.max()).sqrt())
        assert float(found.ratio) == pytest.approx(ratio, rel=1e-2)  # the top Ritz value is a little low
        assert bool(found.refused) == (ratio < 0.3) == bool(found.count.isnan())
        assert bool(found.coarse) == (ratio < 0.8)
        if ratio >= 0.8:
            assert float(found.count) == pytest.approx(exact, rel=0.05)


def integrated(seen, b):
    """The count without refusal."""
    return float((seen.P * seen.weights * b * seen.nodes / (1 + b * seen.nodes)).sum(-1).mean())


def test_a_complete_space_is_never_refused_and_its_count_is_close():
    """k = P: any temperature; exact in the mean of unit vectors, here by all of them, relative 1e-10."""
    values = torch.cat([torch.tensor([-0.5], dtype=torch.float64), torch.logspace(-6, 2, 11, dtype=torch.float64)])
    H, _ = symmetric(values)  # what is negative does not count
    seen = spectrum(lambda U: U @ H, torch.eye(12, dtype=torch.float64), 12)
    b = torch.logspace(-2, 8, 5, dtype=torch.float64)
    found = soft_count(seen, b)
    assert not found.refused.any()
    assert not found.coarse.any()
    assert torch.allclose(found.count, (b[:, None] * values[1:] / (1 + b[:, None] * values[1:])).sum(-1), rtol=1e-9)
    assert torch.allclose(found.count, soft_rank(values, b), rtol=1e-9)


def test_the_density_has_weight_one_and_the_moments_of_the_spectrum():
    """Weight to .01 and mean to 5 % (what lies beyond the margin is cut); scipy's normals; a third half-way."""
    h = synthetic()
    seen = spectrum(lambda U: U * h, rademacher(stream(1), 8, 1500), 60)
    grid, heights = density(seen)
    assert float(torch.trapezoid(heights, grid)) == pytest.approx(1, abs=1e-2)
    mean = float(torch.trapezoid(heights * grid, grid))
    assert mean == pytest.approx(float(h.mean()), rel=0.05)
    sigma = float(bandwidth(60, seen.nodes.min() - 0.05 * seen.top, 1.05 * seen.top))
    plain = (seen.weights.numpy() * scipy.stats.norm(seen.nodes.numpy(), sigma).pdf(float(grid[300]))).sum(-1).mean()
    assert float(heights[300]) == pytest.approx(float(plain), rel=1e-3)
    half = 1 / (2 * (60 - 1))
    unit = float(bandwidth(60, torch.tensor(0.0).double(), torch.tensor(1.0).double()))
    assert np.exp(-(half**2) / (2 * unit**2)) == pytest.approx(1 / 3, rel=1e-12)


def test_hutchinson_has_the_trace_within_three_errors_and_none_for_a_diagonal():
    """The error is that of the known variance `2 sum_{i != j} H_ij^2` within 20 %, over 400 probes."""
    H, _ = symmetric(torch.logspace(-3, 1, 50, dtype=torch.float64))
    found = hutchinson(lambda U: U @ H, rademacher(stream(), 400, 50))
    off = H - torch.diag(torch.diag(H))
    assert float(found.value) == pytest.approx(float(H.trace()), abs=3 * float(found.error))
    assert float(found.error) == pytest.approx(float((2 * off.square().sum() / 400).sqrt()), rel=0.2)
    diagonal = hutchinson(lambda U: U * torch.diag(H), rademacher(stream(), 3, 50))
    assert float(diagonal.value) == pytest.approx(float(H.trace()), rel=1e-14)
    assert float(diagonal.error) < 1e-14


def test_hutch_plus_plus_is_exact_at_low_rank_and_better_than_hutchinson():
    """Rank 8 from a sketch of 8: relative 1e-12; at equal products a third of Hutchinson's error or less. Batched."""
    low, steep = torch.zeros(50, dtype=torch.float64), torch.logspace(-3, 1, 50, dtype=torch.float64)
    low[:8] = torch.arange(1.0, 9.0)
    both = torch.stack([symmetric(low)[0], symmetric(steep)[0]])
    draws = rademacher(stream(), 60, 2, 50)

    def product(U):
        return torch.einsum("mbp,bpq->mbq", U, both)

    found, plain = hutch_plus_plus(product, draws[:20], draws[20:40]), hutchinson(product, draws)
    assert float(found.value[0]) == pytest.approx(36, rel=1e-12)
    assert float(found.value[1]) == pytest.approx(float(steep.sum()), abs=3 * float(found.error[1]) + 1e-9)
    assert float(found.error[1]) < float(plain.error[1]) / 3


def test_the_soft_rank_rises_with_b_to_the_rank_and_is_twice_b_times_the_level():
    """Monotone; 55 of 69 as b grows, 1e-6; `2 b eps = N_eff(b(eps))`, relative 1e-10."""
    h = torch.cat([torch.zeros(14), torch.logspace(-5, 2, 55)]).double()
    curve = soft_rank(h, torch.logspace(-4, 14, 100, dtype=torch.float64))
    assert (curve.diff() > 0).all()
    assert float(soft_rank(h, 1e14)) == pytest.approx(55, abs=1e-6)
    eps = torch.logspace(-8, 1, 12, dtype=torch.float64)
    b = inverse_temperature(h, eps)
    assert torch.allclose(mean_loss(h, b), eps, rtol=1e-10, atol=0)
    assert torch.allclose(2 * b * eps, soft_rank(h, b), rtol=1e-10, atol=0)
    assert int(hard_rank(h, 1e-8)) == 55
    assert torch.equal(mean_loss(torch.cat([h, -h[-1:]]), b), mean_loss(h, b))  # what is negative does not count
    with pytest.raises(ConfigError, match="must lie between"):
        inverse_temperature(h, torch.tensor(1e4))


def test_the_volume_of_equal_modes_is_a_chi_square():
    """`V = P(chi2_d < 2 eps gamma/h)`: the slope by scipy's law, relative 1e-6, down to volumes of 1e-90."""
    d, gamma = 30, 2.0
    for eps in (1.0, 1e-2, 1e-6):
        x = 2 * eps * gamma / 5
        law = scipy.stats.chi2(d)
        expected = 2 * x * np.exp(law.logpdf(x) - law.logcdf(x))
        assert volume_slope(torch.full((d,), 5.0, dtype=torch.float64), eps, gamma) == pytest.approx(expected, rel=1e-6)


def test_the_volume_slope_and_the_soft_rank_agree_where_many_parameters_count():
    """1 % at N_eff of 40 or more; below the slope comes from Monte Carlo of the same volume, 3 %."""
    h = torch.cat([torch.zeros(14), torch.logspace(-5, 2, 55)]).double()
    for eps in (1e-4, 1e-6, 1e-8):
        count = float(soft_rank(h, inverse_temperature(h, torch.tensor(eps).double())))
        assert count > 40
        assert volume_slope(h, eps) == pytest.approx(count, rel=0.01)
    w = torch.randn(400_000, 69, generator=stream(), dtype=torch.float32)
    losses = (w.square() @ h.float()) / 2
    eps = float(losses.quantile(0.01))
    below, above = ((losses < factor * eps).double().mean().log() for factor in (0.9, 1 / 0.9))
    assert volume_slope(h, eps) == pytest.approx(float(2 * (above - below) / (2 * np.log(1 / 0.9))), rel=0.05)


def test_what_lanczos_cannot_do_is_refused():
    with pytest.raises(ConfigError, match="1 to P = 5"):
        lanczos(lambda U: U, torch.ones(1, 5), 6)
    with pytest.raises(ConfigError, match="Lanczos steps"):
        largest_eigenpairs(lambda U: U, torch.ones(5), 3, 4)
    with pytest.raises(ConfigError, match="at most P = 5"):
        hutch_plus_plus(lambda U: U, torch.ones(6, 5), torch.ones(1, 5))
    with pytest.raises(ConfigError, match="rank is 3"):
        volume_slope(torch.ones(3).double(), 0.1)
