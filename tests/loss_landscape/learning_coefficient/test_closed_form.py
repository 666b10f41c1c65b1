"""Learning coefficients in closed form, against each other, against integrals, and the Gibbs sampler against both."""

from itertools import pairwise
from itertools import product as every

import numpy as np
import pytest
import scipy.integrate
import torch

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.config import LossLandscape
from engines.loss_landscape.hessian.effective_dimension import soft_rank
from engines.loss_landscape.learning_coefficient import closed_form, quadrature
from engines.loss_landscape.learning_coefficient.closed_form import exact_coefficient
from engines.loss_landscape.learning_coefficient.gibbs import draw_layer
from engines.loss_landscape.models.deep_linear import DeepLinear
from tests.loss_landscape.learning_coefficient.chains import sample
from tests.loss_landscape.learning_coefficient.coefficients import normal_crossing, reduced_rank


def test_reduced_rank_is_the_deep_formula_in_all_1808_cases():
    """All M, H, N <= 8 and r <= min: lambda to 1e-12, m exactly; one decisive set each."""
    cases = [(M, H, N, r) for M, H, N in every(range(1, 9), repeat=3) for r in range(min(M, H, N) + 1)]
    assert len(cases) == 1808
    for M, H, N, r in cases:
        one, other = reduced_rank(M, H, N, r), closed_form.deep_linear((M, H, N), r)
        assert len(closed_form.decisive_layers((M - r, H - r, N - r))) == 1
        assert one.value == pytest.approx(other.value, abs=1e-12)
        assert one.multiplicity == other.multiplicity, (M, H, N, r)


def test_deep_nets_of_any_width_have_one_decisive_set_and_lie_between_rank_and_parameters():
    """Four and five widths up to 4: `rank/2 <= lambda <= P/2`, and their order turned round changes nothing."""
    for widths in [*every(range(1, 5), repeat=4), *every(range(1, 4), repeat=5)]:
        for r in range(min(widths) + 1):
            assert len(closed_form.decisive_layers(tuple(width - r for width in widths))) == 1
            one = closed_form.deep_linear(widths, r)
            P = sum(a * b for a, b in pairwise(widths))
            assert r * (widths[0] + widths[-1] - r) / 2 - 1e-12 <= one.value <= P / 2
            assert closed_form.deep_linear(widths[::-1], r) == pytest.approx(one, abs=1e-12)


TABLE = {
    (1, 1, 1, 0): (0.5, 2), (2, 1, 2, 0): (1, 2), (2, 2, 2, 0): (1.5, 1), (3, 2, 3, 0): (2.5, 1),
    (3, 2, 3, 1): (3.5, 2), (3, 3, 3, 1): (4, 1), (5, 3, 5, 2): (9.5, 2), (4, 3, 8, 0): (6, 1),
    (2, 2, 2, 2, 0): (1.5, 3), (3, 3, 3, 3, 0): (3, 1), (4, 3, 3, 4, 2): (6.5, 1), (5, 4, 4, 5, 2): (10, 3),
    (6, 5, 5, 5, 6, 3): (15, 1),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLE)
def test_the_table_of_coefficients(case):
    assert closed_form.deep_linear(case[:-1], case[-1]) == pytest.approx(TABLE[case], abs=1e-12)


def test_crossings():
    """Known values, and `x w1^a w2^c` with zero target."""
    assert normal_crossing((1, 1)) == (0.5, 2) == closed_form.crossing_planes(1, 1)
    assert normal_crossing((1, 2)) == (0.25, 1)
    assert normal_crossing((1, 2), (0, 3)) == (0.5, 1)
    assert normal_crossing((0, 3)) == (1 / 6, 1)
    assert closed_form.crossing_planes(2, 5) == (1, 1)


def test_the_quadrature_is_scipys_integral():
    """Over u and v for `|u|^2 |v|^2`, one hidden unit by its radii: relative 1e-6."""

    def mean(b, n1, n2, loss):
        def weight(r, s):
            return r ** (n1 - 1) * s ** (n2 - 1) * np.exp(-b * loss(r, s) - (r * r + s * s) / 2)

        total, below = (
            scipy.integrate.dblquad(f, 0, 9, 0, 9, epsabs=0, epsrel=1e-8)[0]
            for f in (lambda r, s: b * loss(r, s) * weight(r, s), weight)
        )
        return total / below

    planes, hidden = lambda r, s: r * r * s * s, lambda r, s: r * r * s * s / 2
    for n1, n2 in ((1, 1), (1, 3), (4, 2)):
        assert quadrature.crossing_planes(n1, n2, 30.0) == pytest.approx(mean(30, n1, n2, planes), rel=1e-6)
        assert quadrature.deep_linear((n1, 1, n2), 30.0, 1.0) == pytest.approx(mean(30, n1, n2, hidden), rel=1e-6)


def test_the_quadrature_has_the_values_of_the_table_and_any_order_of_the_planes():
    """To the digits printed; integrating out the other plane gives the same, 1e-9."""
    b = np.array([1e1, 1e2, 1e3, 1e4, 1e6, 1e8, 1e12])
    expected = [0.290, 0.354, 0.390, 0.412, 0.4375, 0.4515, 0.4665]
    assert quadrature.crossing_planes(1, 1, b) == pytest.approx(expected, abs=6e-4)
    for sizes, values in {(1, 3): (0.494, 0.5, 0.5), (2, 5): (0.996, 1, 1), (4, 4): (1.781, 1.889, 1.945)}.items():
        found = quadrature.crossing_planes(*sizes, np.array([1e2, 1e4, 1e8]))
        assert found == pytest.approx(values, abs=6e-4)
        assert quadrature.crossing_planes(*sizes[::-1], np.array([1e2, 1e4, 1e8])) == pytest.approx(found, rel=1e-9)
    assert quadrature.deep_linear((2, 1, 2), 1e3, 1.0) == pytest.approx(0.858, abs=6e-4)
    # in units of the window's width the loss has the strength b/gamma^2
    assert quadrature.crossing_planes(2, 3, 900.0, 3.0) == pytest.approx(
        quadrature.crossing_planes(2, 3, 100.0), rel=1e-9
    )


@pytest.mark.parametrize(("b", "within"), [(1e-8, 1e-5), (1e-10, 1e-9), (1e-35, 1e-9)])
def test_next_to_nothing_is_the_mean_loss_in_the_window(b, within):
    """`b E|u|²|v|²`; the sum along the line cancelled to 1e-16 of either sign."""
    assert quadrature.crossing_planes(2, 3, b) == pytest.approx(6 * b, rel=within)


def test_far_out_the_quadrature_follows_the_rule_of_finite_b():
    """`lambda - (m - 1)/ln(b/gamma)`: .01 at b = 1e12, and for m = 1 lambda itself to 1e-3 at 1e8."""
    assert quadrature.crossing_planes(1, 1, 1e12) == pytest.approx(
        closed_form.at_finite_temperature(closed_form.crossing_planes(1, 1), 1e12), abs=0.01
    )
    assert quadrature.deep_linear((2, 1, 2), 1e12, 1.0) == pytest.approx(
        closed_form.at_finite_temperature(reduced_rank(2, 1, 2, 0), 1e12), abs=0.01
    )
    assert quadrature.deep_linear((3, 2, 4), 1e12, 1.0) == pytest.approx(
        closed_form.at_finite_temperature(reduced_rank(3, 2, 4, 0), 1e12), abs=0.01
    )


def test_two_layers_count_the_same_whichever_of_them_is_integrated_out():
    """By one eigenvalue (Mellin and Barnes) or several (a Pfaffian), from either side: 1e-6, the step of the sums."""
    for c in (-3.0, 0.0, 5.0, 12.0):
        assert quadrature.matrices(3, 1, 4, c) == pytest.approx(quadrature.vectors((3, 4), c), rel=1e-6)
        for sizes in ((2, 3, 4), (4, 4, 3), (5, 3, 4)):
            assert quadrature.matrices(*sizes, c) == pytest.approx(quadrature.matrices(*sizes[::-1], c), rel=1e-6)


def test_a_product_of_matrices_is_the_mean_over_its_window():
    """Weights of 200,000 draws at a strength where they overlap: within 4 standard errors, two layers and three."""
    g = np.random.default_rng(0)

    def mean(sizes, b):
        layers = [g.standard_normal((200_000, after, before)) for before, after in pairwise(sizes)]
        product = layers[0]
        for W in layers[1:]:
            product = W @ product
        loss = (product**2).sum((1, 2)) / 2
        weight = np.exp(-b * loss)
        value = b * (weight * loss).mean() / weight.mean()
        return value, b * (weight * (loss - value / b)).std() / weight.mean() / 200_000**0.5

    for sizes, b in (((2, 2, 3), 0.5), ((3, 3, 3), 0.2), ((2, 3, 2), 2.0), ((2, 3, 1, 2), 1.0), ((1, 3, 4), 0.5)):
        value, error = mean(sizes, b)
        assert quadrature.deep_linear(sizes, b, 1.0) == pytest.approx(value, abs=4 * error)


def test_very_wide_and_very_narrow_windows_are_counted_without_overflow():
    assert quadrature.deep_linear((3, 1, 4, 5, 2, 6, 1, 3, 4, 4, 4, 3, 2), 1e15, 1e-9) == pytest.approx(0.5, abs=0.02)
    assert quadrature.deep_linear((4, 1, 4), 1e-6, 1e9) == pytest.approx(0, abs=1e-12)
    assert quadrature.deep_linear((6, 6, 6), 1e12, 1.0) is None
    assert quadrature.crossing_planes(2, 5, 1e8) == pytest.approx(closed_form.crossing_planes(2, 5).value, abs=1e-3)


def test_the_box_counts_interaction_by_a_logarithm_with_a_hard_zero():
    """The table, and the slope of the volume by an integral over w1: 1e-4."""
    assert quadrature.crossing_box([0.5, 1, 1.01, 10, 1e2, 1e4, 1e8]) == pytest.approx(
        [0, 0, 0.005, 0.535, 0.697, 0.822, 0.902], abs=6e-4
    )

    def volume(log_eps):
        edge = np.exp(log_eps / 2)
        return scipy.integrate.quad(lambda w: min(1, edge / w), 0, 1, points=[edge], epsabs=0, epsrel=1e-12)[0]

    slope = (np.log(volume(np.log(1e-2) + 1e-4)) - np.log(volume(np.log(1e-2) - 1e-4))) / 1e-4
    assert slope == pytest.approx(quadrature.crossing_box(1e2), abs=1e-4)


def test_the_box_is_the_slope_of_its_volume_at_every_level():
    """By a quadrature in log w1, c = 3, eps from 1 to 1e-6: 1e-4."""

    def log_volume(log_eps):
        u = np.linspace(-40, 0, 400_001)
        share = np.minimum(np.exp((log_eps - np.log(3)) / 2 - u), 1)  # of w2 in [0, 1] for each w1
        return np.log(scipy.integrate.trapezoid(4 * share * np.exp(u), u))

    for eps in (1.0, 1e-2, 1e-6):
        slope = (log_volume(np.log(eps) + 1e-2) - log_volume(np.log(eps) - 1e-2)) / 1e-2
        assert quadrature.crossing_box(3 / eps) == pytest.approx(slope, abs=1e-4)


def test_one_layer_given_the_others_has_the_moments_of_its_density():
    """Mean and covariance of 40000 draws against the Kronecker form, within 5 standard errors."""
    g = torch.Generator().manual_seed(0)
    above, below, target, star = (
        torch.randn(*shape, generator=g, dtype=torch.float64) for shape in ((4, 2), (3, 5), (4, 5), (2, 3))
    )
    b, gamma, C = 7.0, 2.0, 40_000
    normals = torch.randn(C, 2, 3, generator=g, dtype=torch.float64)
    W = draw_layer(
        normals, above.expand(C, -1, -1), below.expand(C, -1, -1), target, star, b * torch.ones(C).double(), gamma
    )
    precision = b * torch.kron(above.T @ above, below @ below.T) + gamma * torch.eye(6, dtype=torch.float64)
    covariance = precision.inverse()
    mean = covariance @ (b * above.T @ target @ below.T + gamma * star).flatten()
    found = W.flatten(1)
    assert ((found.mean(0) - mean).abs() < 5 * (covariance.diagonal() / C).sqrt()).all()
    size = covariance.diagonal()
    assert ((found.T.cov() - covariance).abs() < 5 * (2 * size[:, None] * size / C).sqrt()).all()


GIBBS = {
    ((2, 1, 2), 0): (0.855, 0.911, 0.936), ((2, 2, 2), 0): (1.444, 1.494, 1.502),
    ((3, 2, 3), 1): (3.358, 3.418, 3.444), ((3, 3, 3), 1): (3.934, 3.991, 4.000),
    ((3, 3, 3, 3), 0): (2.757, 2.933, 2.987), ((4, 3, 3, 4), 2): (6.462, 6.498, 6.507),
}  # fmt: skip


@pytest.mark.parametrize(("widths", "rank"), GIBBS)
def test_gibbs_samples_have_the_coefficients_of_the_table_and_of_the_formula(widths, rank):
    """Three temperatures in one batch: .03 of the table plus 3 standard errors; at 1e7 of the finite-b rule too."""
    b = torch.tensor([1e3, 1e5, 1e7], dtype=torch.float64)
    chains = b.repeat_interleave(64)
    losses = sample(DeepLinear(widths, rank, 2.0), chains, 450, torch.Generator().manual_seed(0)).losses
    each = (chains * losses[150:].mean(0)).view(3, 64)
    found, error = each.mean(1), each.std(1) / 8
    assert float(error.max()) < 0.025
    off = (found - torch.tensor(GIBBS[widths, rank], dtype=torch.float64)).abs()
    assert (off < 0.03 + 3 * error).all()
    foretold = closed_form.at_finite_temperature(closed_form.deep_linear(widths, rank), 1e7)
    assert float(found[2]) == pytest.approx(foretold, abs=0.03 + 3 * float(error[2]))


def test_gibbs_with_one_hidden_unit_is_the_quadrature():
    """H = 1, b = 1e3, 2000 sweeps of 64 chains: within .01."""
    b = torch.full((64,), 1e3, dtype=torch.float64)
    losses = sample(DeepLinear((2, 1, 2)), b, 2000, torch.Generator().manual_seed(1)).losses
    assert float(1e3 * losses[100:].mean()) == pytest.approx(quadrature.deep_linear((2, 1, 2), 1e3, 1.0), abs=0.01)


@pytest.mark.parametrize("sizes", [(2, 3, 2), (3, 2, 2, 4)])
@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0])
def test_a_corner_of_any_scale_counts_as_half_the_soft_rank_of_its_hessian(sizes, scale):
    """Nothing is spare, so that the corner is all; by automatic differentiation, 1e-9."""
    model = DeepLinear(sizes, 2, scale)
    h = torch.linalg.eigvalsh(torch.func.hessian(model)(model.star))
    config = LossLandscape(subject="linear", widths="-".join(map(str, sizes)), rank=2, scale=scale, optimizer="gibbs")
    found = exact_coefficient(config, 30.0, 2.0)
    assert found is not None
    assert found.value == pytest.approx(float(soft_rank(h, 30.0, 2.0)) / 2, rel=1e-9)
    least = float(h[h > 1e-9].min())
    assert bool(found.broken) == (30 * least < 100 * 2)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: reduced_rank(2, 2, 2, 3), lambda: closed_form.deep_linear((2, 2), 0),
        lambda: closed_form.deep_linear((2, 2, 2), 3), lambda: normal_crossing((0, 0)),
        lambda: closed_form.at_finite_temperature(closed_form.LearningCoefficient(1, 1), 1, 2),
        lambda: quadrature.crossing_planes(1, 1, -1.0),
        lambda: sample(DeepLinear((2, 2, 2)), torch.zeros(1), 1, torch.Generator()),
        lambda: DeepLinear((2, 2, 2), 3), lambda: DeepLinear((2, 2)),
    ],
)  # fmt: skip
def test_what_has_no_coefficient_is_refused(wrong):
    with pytest.raises(ConfigError):
        wrong()
