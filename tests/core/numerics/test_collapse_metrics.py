"""Every metric against its definition on explicit samples, its values on the two frames, and its symmetries."""

import numpy as np
import pytest
import torch

from engines.core.numerics.collapse_metrics import (
    FeatureMoments,
    cdnv,
    measure,
    nc1,
    nc1_trace,
    nc2_etf,
    nc2_of,
    nearest_mean,
    scores,
)
from tests.core.numerics.explicit_moments import moments
from tests.neural_collapse.plain import Plain, features
from tests.neural_collapse.setting import begun, last, ran, small

ZERO_ON_BOTH = {
    "nc1", "nc1_trace", "fuzziness", "cdnv", "nc2_etf", "equinorm", "equinorm_classifier", "equiangle", "max_angle",
    "nc3_uncentred", "nc3_product", "trace_within",
}  # fmt: skip


def labels(one):
    return torch.arange(one.classes).repeat_interleave(one.per_class)


def explicit(one, H=None):
    """Moments of explicit samples, and their ridge classifier."""
    H = features(one) if H is None else H
    W = torch.from_numpy(Plain(one, H).ridge(H))
    return moments(torch.from_numpy(H), labels(one), one.classes), W


def test_reduced_features_have_the_metrics_of_every_sample():
    """All that `measure` returns, to 1e-12, and what counts samples."""
    one = small(init="gaussian_means")
    run = ran(0, one)
    s, W = explicit(one)
    for name, value in measure(s, W).items():
        assert float(value) == pytest.approx(last(run, name)[0], rel=1e-11), name
    H = torch.from_numpy(features(one))
    counted = scores(H, labels(one), s.M, W, torch.zeros(4, dtype=torch.float64))
    for name, value in counted.items():
        assert float(value) == pytest.approx(last(run, name)[0], abs=1e-12), name


def test_nc1_is_its_definition_by_the_pseudo_inverse():
    """Also D = K NC1, the trace ratio, and CDNV by a double loop: 1e-10."""
    one = small(init="gaussian_means")
    H, plain, (s, W) = features(one), Plain(one), explicit(one)
    assert float(nc1(s)) == pytest.approx(plain.nc1(H), rel=1e-10)
    assert float(nc1_trace(s)) == pytest.approx(plain.nc1_trace(H), rel=1e-12)
    within, between = plain.covariances(H)
    fuzziness = np.trace(within @ np.linalg.pinv(between, rcond=1e-10))
    assert float(measure(s, W)["fuzziness"]) == pytest.approx(fuzziness, rel=1e-10)
    M, V = plain.means(H), [np.mean(np.sum((h - h.mean(1, keepdims=True)) ** 2, 0)) for h in np.split(H, 4, axis=1)]
    pairs = [(i, j) for i in range(4) for j in range(4) if i != j]
    found = np.mean([(V[i] + V[j]) / (2 * np.sum((M[:, i] - M[:, j]) ** 2)) for i, j in pairs])
    assert float(cdnv(s)) == pytest.approx(found, rel=1e-12)


@pytest.mark.parametrize("K", [2, 4, 10])
@pytest.mark.parametrize("bias", [False, True])
def test_collapsed_features_give_the_values_of_the_table(K, bias):
    """1e-12; NC2-OF of a simplex and the centred NC3 of an orthogonal frame are not 0."""
    one = small(classes=K, features=K + 3, init="collapsed", bias=bias)
    run = ran(0, one)
    for name in ZERO_ON_BOTH:
        # CDNV divides a spread of rounding, the others are differences of numbers of order one.
        assert last(run, name)[0] == pytest.approx(0, abs=1e-12), name
    other = 2 - 2 * np.sqrt((K - 1) / K)
    assert last(run, "nc2_of")[0] == pytest.approx(np.sqrt(other) if bias else 0, abs=1e-12)
    assert last(run, "nc3")[0] == pytest.approx(0 if bias else other, abs=1e-12)
    assert last(run, "nc4")[0] == 0
    assert last(run, "accuracy")[0] == 1


def test_near_an_orthogonal_frame_cdnv_is_a_share_of_the_trace_ratio():
    """CDNV = NC1t (1 - 1/K)/2 to first order: 1e-3 at epsilon = 1e-3."""
    run = ran(0, small(init="near_collapse", epsilon=1e-3))
    assert last(run, "cdnv")[0] == pytest.approx(last(run, "nc1_trace")[0] * 3 / 8, rel=1e-3)


def test_no_metric_sees_a_rotation_or_the_order_of_samples_and_classes():
    """H -> QH, samples of a class in another order, classes renamed: 1e-12."""
    one, stream = small(init="gaussian_means"), np.random.default_rng(1)
    H = features(one)
    Q = np.linalg.qr(stream.standard_normal((7, 7)))[0]
    blocks = H.reshape(7, 4, 6)
    shuffled = np.stack([blocks[:, k, stream.permutation(6)] for k in range(4)], 1)
    renamed = blocks[:, stream.permutation(4)]
    first = measure(*explicit(one))
    for other in (Q @ H, shuffled.reshape(7, 24), renamed.reshape(7, 24)):
        for name, value in measure(*explicit(one, other)).items():
            assert float(value) == pytest.approx(float(first[name]), rel=1e-12), name


def test_nc1_stays_positive_where_a_pseudo_inverse_would_not():
    """Of features collapsed to 1e-20: NC1 is of that order, not of rounding's."""
    M, Y, V = begun_moments(small(init="near_collapse"))
    s = FeatureMoments(M, 1e-10 * Y, 1e-10 * V)
    assert 0 < float(nc1(s)) == pytest.approx(1e-20 * float(nc1(FeatureMoments(M, Y, V))), rel=1e-10)


def begun_moments(one):
    H = begun(one).problem.problem.H0
    return H[..., :4], H[..., 4:], H.new_ones(1, 4)


SIZES = ("trace_within", "trace_between", "classifier_norm", "feature_norm")
"""Channels that have a unit; the others are ratios and angles."""


@pytest.mark.parametrize("shift", [0.0, 2.0])
def test_where_means_coincide_there_is_no_value_rather_than_a_perfect_one(shift):
    """Features at zero, or all on one point: 0/0 is NaN; sizes are numbers. The shift is rounded off the mean."""
    H, which = torch.full((5, 9), shift / 3, dtype=torch.float64), torch.arange(9) // 3
    s, W, b = moments(H, which, 3), torch.zeros(3, 5, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    uncentred = ("nc2_of",) if shift else ()
    for name, value in measure(s, W).items():
        assert bool(value.isnan()) is (name not in (*SIZES, *uncentred)), name
    counted = scores(H, which, s.M, W, b)
    assert counted["nc4"].isnan()
    assert float(counted["accuracy"]) == pytest.approx(1 / 3)


def clouds():
    """Four Gaussian clouds in ten dimensions, and their classes."""
    stream, which = np.random.default_rng(0), np.arange(100) // 25
    return stream.standard_normal((10, 100)) + 2 * np.eye(10)[:, which], torch.from_numpy(which)


@pytest.mark.parametrize("factor", [1.0, 1e-154, 1e-160, 1e-300, 1e150])
def test_no_ratio_sees_the_unit_of_the_features(factor):
    """Squares of the smallest would vanish. Dividing by a power of two is exact: what is left is their own rounding."""
    H, which = clouds()
    W = torch.from_numpy(np.random.default_rng(1).standard_normal((4, 10)))
    one, other = (
        measure(moments(torch.from_numpy(H), which, 4), W),
        measure(moments(torch.from_numpy(factor * H), which, 4), factor * W),
    )
    assert float(other["nc1_trace"]) == pytest.approx(2.9163613, abs=5e-8)
    assert float(other["nc1"]) == pytest.approx(0.7251389, abs=5e-8)
    for name in one.keys() - {"trace_within", "trace_between"}:
        unit = factor if name in SIZES else 1
        assert float(other[name]) / unit == pytest.approx(float(one[name]), rel=1e-12), name


def test_a_collapse_far_from_the_origin_is_the_same_collapse():
    """Shifts c = 0 to 1e6: the features are rounded to 1e-16 c, and so is the metric, about a hundredfold."""
    stream, which = np.random.default_rng(0), clouds()[1]
    Z = stream.standard_normal((10, 2)) @ stream.standard_normal((2, 100))
    first = measure(moments(torch.from_numpy(Z), which, 4), torch.ones(4, 10, dtype=torch.float64))
    assert float(first["nc1"]) == pytest.approx(94.50952990927826, rel=1e-12)
    for c in (10.0, 1e3, 1e6):
        seen = measure(moments(torch.from_numpy(Z + c), which, 4), torch.ones(4, 10, dtype=torch.float64))
        for name in ("nc1", "nc1_trace", "fuzziness", "cdnv", "nc2_etf", "equinorm", "equiangle", "trace_between"):
            assert float(seen[name]) == pytest.approx(float(first[name]), rel=max(1e-12, 1e-14 * c)), (name, c)


def test_the_nearest_mean_is_found_far_from_the_origin():
    H, which = clouds()
    M = moments(torch.from_numpy(H), which, 4).M
    expected = nearest_mean(torch.from_numpy(H), M)
    for c in (1e6, 1e9):
        torch.testing.assert_close(nearest_mean(torch.from_numpy(H + c), M + c), expected)


def test_classes_of_different_sizes_are_weighed_by_their_samples():
    """Sigma_W is the mean over samples: Y Yᵀ = K Sigma_W, and V is each class's own."""
    H, which = torch.randn(3, 9, dtype=torch.float64), torch.tensor([0, 0, 0, 0, 0, 0, 1, 1, 1])
    s = moments(H, which, 2)
    left, right = H[:, :6], H[:, 6:]
    D = torch.cat([left - left.mean(1, keepdim=True), right - right.mean(1, keepdim=True)], 1)
    torch.testing.assert_close(s.Y @ s.Y.mT, 2 * D @ D.mT / 9)
    torch.testing.assert_close(s.V, torch.stack([d.square().sum(0).mean().sqrt() for d in (D[:, :6], D[:, 6:])]))


def test_many_layers_are_measured_at_once():
    H, which = torch.randn(5, 2, 6, 12, dtype=torch.float64), torch.arange(3).repeat(4)
    whole = moments(H, which, 3)
    for name, value in measure(whole, torch.randn(5, 2, 3, 6, dtype=torch.float64)).items():
        assert value.shape == (5, 2), name
    assert float(nc2_of(whole.M)[3, 1]) == pytest.approx(float(nc2_of(moments(H[3, 1], which, 3).M)), rel=1e-12)
    assert nc2_etf(whole.M).shape == (5, 2)
