"""What a person may give, what is refused, and what is drawn of the samples."""

import numpy as np
import pytest
import torch

from engines.core.numerics import digits
from engines.core.protocol.errors import ConfigError
from engines.neural_collapse import draws, laws
from engines.neural_collapse.config import NeuralCollapse
from engines.neural_collapse.engine import ENGINE
from engines.neural_collapse.predictions import predictions
from engines.neural_collapse.projection import FRAME, RAY, project
from tests.neural_collapse.plain import features
from tests.neural_collapse.setting import begun, last, ran, small

REFUSED = [
    ({"features": 3, "classes": 4}, ("features=3", "classes=4")),
    ({"lambda_w": 2.0, "lambda_h": 1.0}, ("init=near_collapse", "below 1, not 2", "scale")),
    ({"lambda_h": 0.0}, ("lambda_h above 0",)),
    ({"init": "counterexample"}, ("init=counterexample", "classes=2")),
    ({"init": "digits"}, ("init=digits", "features=64")),
    ({"init": "digits", "classes": 10, "features": 64, "per_class": 175}, ("per_class=175", "174")),
]


@pytest.mark.parametrize(("knobs", "words"), REFUSED)
def test_a_contradiction_is_one_sentence_with_the_knob_the_value_and_the_limit(knobs, words):
    with pytest.raises(ConfigError) as caught:
        NeuralCollapse(**knobs)
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"lambda_w": 2.0, "lambda_h": 1.0, "init": "gaussian"}, ("lambda_w lambda_h = 2", "zero")),
        ({"per_class": 1}, ("one sample",)),
        ({"step_size": 10.0}, ("step", "5.05")),
        ({}, ()),
    ],
)
def test_what_is_allowed_and_cannot_show_collapse_is_said(knobs, words):
    message = ENGINE.caution(NeuralCollapse(**knobs))
    assert bool(message) == bool(words)
    assert all(word in message for word in words), message


def test_steps_below_the_stable_one_shrink_spread_and_steps_above_the_rate_of_the_frame_grow_it():
    """2.785 is where the Runge-Kutta method turns unstable; the bound takes the largest classifier there can be."""
    one = small(init="near_collapse", epsilon=1e-3)
    steps = (0.99 * laws.stable_step(one), 0.99 * 2.785 / one.a, 1.01 * 2.785 / one.a)
    left = last(ran(60, *(one.replace(step_size=h) for h in steps)), "trace_within")
    begun_with = ran(0, one)["trace_within"][0, 0]
    assert left[0] < 0.1 * begun_with
    assert left[2] > begun_with > left[1]
    assert steps[0] < steps[1]


def test_one_sample_a_class_has_no_spread():
    run = ran(20, small(per_class=1))
    for name in ("nc1", "nc1_trace", "cdnv", "trace_within"):
        np.testing.assert_allclose(run[name], 0, atol=1e-25, err_msg=name)
    assert np.isnan(run["nc1_ratio"]).all()  # nothing to compare with is no perfect collapse
    assert np.isfinite(last(run, "nc2_etf")).all()


def test_without_decay_of_features_one_spread_falls_and_the_other_rises():
    """Theorem 3.1 at lambda_H = 0, where there is no minimiser to speak of."""
    one = small(lambda_h=0.0)
    run = ran(200, one)
    assert (np.diff(run["trace_within"][:, 0]) < 0).all()
    assert (np.diff(run["trace_between"][:, 0]) > 0).all()
    assert all(np.isfinite(p.values).all() for p in predictions(one, run.steps))
    assert ENGINE.story(run, 0).text


# -- draws ------------------------------------------------------------------------------------------------------


def test_a_start_near_collapse_is_a_minimiser_plus_a_gaussian_of_its_size():
    one = NeuralCollapse(epsilon=0.3, seed=4)
    H, star = features(one), features(one.replace(init="collapsed"))
    assert np.linalg.norm(star) == pytest.approx(np.sqrt(one.rho * 40), rel=1e-12)
    assert np.linalg.norm(H - star) == pytest.approx(0.3 * np.linalg.norm(star), rel=1e-12)
    stream = np.random.default_rng(4)
    np.testing.assert_allclose(star[:, 0], np.sqrt(one.rho) * np.linalg.qr(stream.standard_normal((10, 4)))[0][:, 0])
    U = stream.standard_normal((10, 40))
    np.testing.assert_allclose((H - star) / np.linalg.norm(H - star), U / np.linalg.norm(U), atol=1e-12)


def test_what_is_kept_of_a_draw_gives_back_every_sample():
    one = small(init="gaussian_means", per_class=9, features=12)
    M, Y, _, Q, G = draws.draw(one)
    H = features(one)
    np.testing.assert_allclose(np.repeat(M, 9, axis=1) + 3 * Y @ Q, H, atol=1e-12)
    D = H - np.repeat(M, 9, axis=1)
    V = [np.mean(np.sum(D[:, 9 * k : 9 * k + 9] ** 2, 0)) for k in range(4)]
    np.testing.assert_allclose(np.einsum("ij,kjl,il->k", Y, G, Y), V, rtol=1e-12)


def test_the_pixels_of_digits_follow_the_recipe():
    """Scaled to a mean squared norm of one before anything else: NC1t 1.390, NC1 .942, NC2-ETF .673."""
    pytest.importorskip("sklearn")
    one = NeuralCollapse(init="digits", classes=10, features=64, per_class=140, bias=True)
    H = features(one)
    assert np.mean(np.sum(H**2, 0)) == pytest.approx(1, rel=1e-12)
    run = ran(0, one)
    found = [last(run, name)[0] for name in ("nc1_trace", "nc1", "nc2_etf")]
    np.testing.assert_allclose(found, (1.390, 0.942, 0.673), atol=6e-4)


def test_more_digits_of_a_seed_begin_with_the_fewer():
    pytest.importorskip("sklearn")
    np.testing.assert_array_equal(digits.pixels(3, 5)[:, :3], digits.pixels(9, 5)[:, :3])


# -- pictures ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("K", [2, 3, 5, 12])
def test_collapsed_samples_lie_on_the_vertices_of_the_frame(K, bias):
    one = small(classes=K, features=K + 2, init="collapsed", bias=bias)
    batch = begun(one)
    found = ENGINE.snapshot(batch.problem, batch.state, batch.knobs)
    x, y, z, kind = (found[name][0].numpy() for name in ("point_x", "point_y", "point_z", "point_class"))
    ends = np.stack([x, y, z], 1)[kind == FRAME].reshape(K, RAY, 3)[:, -1]
    samples = np.stack([x, y, z], 1)[kind != FRAME].reshape(K, -1, 3)
    flat = 2 if bias else 3  # the axis of a simplex is no direction of its means
    np.testing.assert_allclose(
        samples[..., :flat], np.broadcast_to(ends[:, None], samples.shape)[..., :flat], atol=1e-9
    )
    assert np.allclose(np.hypot(*ends[:, :2].T), np.hypot(*ends[0, :2]))


def test_the_picture_does_not_see_a_rotation_of_the_features():
    stream = torch.Generator().manual_seed(0)
    M, H = (torch.randn(1, 6, k, dtype=torch.float64, generator=stream) for k in (3, 9))
    Q = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64, generator=stream))[0]
    length, flat, labels = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.bool), torch.arange(9) // 3
    one, other = project(M, H, labels, length, flat), project(Q @ M, Q @ H, labels, length, flat)
    for name, value in one.items():
        torch.testing.assert_close(value, other[name], atol=1e-12, rtol=0)
