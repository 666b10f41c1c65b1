"""Planes, grids and ways through parameter space: known functions first, then a network on digits."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from engines.core.protocol.errors import ConfigError, StoreError
from engines.loss_landscape.loss_surface import mode_connectivity, planes
from engines.loss_landscape.loss_surface.surface import (
    Plane,
    Surface,
    coarse_to_fine,
    evaluate_coordinates,
    losses_at,
    square_axes,
)
from engines.loss_landscape.models import digits, modular_addition, superposition
from engines.loss_landscape.models.mlp import Mlp
from tests.loss_landscape.close import randn, same
from tests.loss_landscape.trained import train

# -- directions ------------------------------------------------------------------------------------------------------


def test_a_random_direction_has_the_norm_of_every_row_and_no_bias():
    """1e-9, because of the 1e-10 below the line; members share the draw, seeds differ."""
    net, theta = Mlp((5, 4, 3)), randn(2, Mlp((5, 4, 3)).P)
    d = planes.filter_normalised(net, theta, seed=1, biases=True)
    for w, one in zip(net.split(theta), net.split(d), strict=True):
        assert (one[..., -1] == 0).all()
        same(one[..., :-1].norm(dim=-1), w[..., :-1].norm(dim=-1), 1e-9)
        unit = one[..., :-1] / one[..., :-1].norm(dim=-1, keepdim=True)
        same(unit[0], unit[1], 1e-9)
    other = planes.filter_normalised(net, theta, seed=2, biases=True)
    assert abs(float(torch.cosine_similarity(d[0], other[0], dim=0))) < 0.6


def test_a_tensor_with_one_axis_gets_no_direction_and_a_whole_row_its_norm():
    subject = superposition.superposition_subject([0], n=5)
    theta, layout = randn(1, 18), subject.model.layout
    W, b = layout.split(planes.filter_normalised(layout, theta, seed=0))
    assert (b == 0).all()
    same(W.norm(dim=-1), layout.split(theta)[0].norm(dim=-1), 1e-9)
    layout = modular_addition.Embedding(5, 3, 4).layout
    theta = randn(2, layout.P)
    for w, d in zip(layout.split(theta), layout.split(planes.filter_normalised(layout, theta, 0)), strict=True):
        same(d.norm(dim=-1), w.norm(dim=-1), 1e-9)


def test_principal_directions_are_those_of_the_gram_matrix():
    """Of `w_t - w_T`, every member its own: eigenvectors up to sign and shares, 1e-9."""
    trajectory = randn(7, 2, 5).cumsum(0)
    found = planes.principal_directions(trajectory, 3)
    assert found.directions.shape == (3, 2, 5)
    for member in range(2):
        steps = trajectory[:, member] - trajectory[-1, member]
        values, vectors = torch.linalg.eigh(steps.T @ steps)
        same(found.shares[:, member], (values / values.sum()).flip(0)[:3], 1e-9)
        same((found.directions[:, member] @ vectors.flip(1)[:, :3]).abs(), torch.eye(3, dtype=torch.float64), 1e-9)


# -- planes ----------------------------------------------------------------------------------------------------------


def test_coordinates_are_least_squares_on_oblique_axes():
    """Exact in the plane; off it the residual is orthogonal to both axes, and its share of the distance: 1e-10."""
    plane = Plane(randn(2, 6), randn(2, 2, 6, seed=1))
    known = randn(4, 2, seed=2)
    coordinates, off = plane.project(plane.at(known))
    same(coordinates, known[:, None].expand(4, 2, 2), 1e-10)
    assert off.max() < 1e-10
    points = randn(3, 2, 6, seed=3)
    coordinates, off = plane.project(points)
    for member in range(2):
        axes, away = plane.directions[:, member], points[:, member] - plane.origin[member]
        expected = torch.linalg.solve(axes @ axes.T, axes @ away.T).T
        same(coordinates[:, member], expected, 1e-10)
        rest = away - expected @ axes
        same(rest @ axes.T, torch.zeros(3, 2, dtype=torch.float64), 1e-10)
        same(off[:, member], rest.norm(dim=-1) / away.norm(dim=-1), 1e-10)
    assert plane.project(plane.origin[None])[1].tolist() == [[0, 0]]


def test_three_points_lie_in_their_plane():
    points = randn(3, 8)
    plane = Plane(points[0], points[1:] - points[0])
    coordinates, off = plane.project(points)
    same(coordinates, torch.tensor([[0, 0], [1, 0], [0, 1]], dtype=torch.float64), 1e-10)
    assert off.max() < 1e-10


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (7, 4), (51, 51)])
def test_a_grid_is_visited_once_from_coarse_to_fine(shape):
    levels = coarse_to_fine(*shape)
    assert sorted(torch.cat(levels).tolist()) == list(range(shape[0] * shape[1]))
    assert levels[0].tolist() == [0]
    assert all(len(one) <= len(next_one) for one, next_one in pairwise(levels))


@pytest.mark.parametrize("chunk", [1, 5, 1000])
def test_a_grid_in_batches_is_a_loop_over_its_points(chunk):
    """A quadratic with members, 1e-12; what is known grows, and what is known does not change."""
    A = randn(6, 6)
    plane, axes = Plane(randn(2, 6), randn(2, 2, 6, seed=1)), (square_axes(1, 4)[0], square_axes(2, 3)[0])
    loss = lambda theta: ((theta @ A) * theta).sum(-1)  # noqa: E731
    stages = list(evaluate_coordinates(lambda places: loss(plane.at(places)), axes, chunk))
    for i, a in enumerate(axes[0]):
        for j, b in enumerate(axes[1]):
            point = plane.origin + a * plane.directions[0] + b * plane.directions[1]
            same(stages[-1][i, j], torch.stack([one @ A @ one for one in point]), 1e-12)
    known = [int(one.isfinite().sum()) for one in stages]
    assert known == sorted(set(known))
    for one in stages:
        assert ((one == stages[-1]) | one.isnan()).all()


def surface(values=None, **given):
    values = torch.arange(1, 13, dtype=torch.float64).view(3, 4) if values is None else values
    plane = Plane(randn(6), randn(2, 6, seed=1))
    return Surface(plane, (square_axes(1, 3)[0], square_axes(2, 4)[0]), values, "random", **given)


def test_a_surface_is_read_back_as_it_was_saved(tmp_path):
    for name in ("plane.npz", "plane"):
        one = surface(seeds=(1, 2))
        one.save(tmp_path / name)
        back = Surface.load(tmp_path / name)
        assert (back.kind, back.seeds) == ("random", (1, 2))
        pairs = zip((*one.plane, *one.axes, one.values), (*back.plane, *back.axes, back.values), strict=True)
        assert all(torch.equal(was, now) for was, now in pairs)


def test_another_file_is_refused_and_nothing_in_it_runs(tmp_path):
    np.savez(tmp_path / "other.npz", values=np.zeros(3))
    np.savez(tmp_path / "objects.npz", origin=np.array([{}], dtype=object))
    (tmp_path / "text.npz").write_text("not an archive")
    for name in ("other.npz", "objects.npz", "text.npz", "absent.npz"):
        with pytest.raises(StoreError, match=name):
            Surface.load(tmp_path / name)
    with pytest.raises(ConfigError, match="points=1"):
        square_axes(1, 1)


# -- ways ------------------------------------------------------------------------------------------------------------


def test_ways_have_their_ends_and_a_straight_curve_is_the_line():
    w0, w1, t = randn(2, 5), randn(2, 5, seed=1), torch.linspace(0, 1, 9, dtype=torch.float64)
    straight = mode_connectivity.line(w0, w1, t)
    same(mode_connectivity.bezier(w0, (w0 + w1) / 2, w1, t), straight, 1e-12)
    for way in (straight, mode_connectivity.bezier(w0, randn(2, 5, seed=2), w1, t)):
        same(way[0], w0, 1e-12)
        same(way[-1], w1, 1e-12)


def test_a_barrier_is_the_height_above_the_straight_profile():
    t = torch.linspace(0, 1, 5, dtype=torch.float64)
    losses = torch.stack([1 + 2 * t + t * (1 - t), 3 - t], -1)
    same(mode_connectivity.barrier(losses, t), torch.tensor([0.25, 0.0], dtype=torch.float64), 1e-12)


def test_a_curve_goes_round_a_hill():
    """Two minima with a hill between: the line climbs it, the trained curve does not. Each pair on its own."""

    def loss(theta):
        return (theta.square().sum(-1) - 1).square()

    def gradient(theta):
        return 4 * (theta.square().sum(-1, keepdim=True) - 1) * theta

    w0 = torch.tensor([[1.0, 0, 0], [0, 1, 0]], dtype=torch.float64)
    w1 = torch.tensor([[-1.0, 0.2, 0], [0.2, -1, 0]], dtype=torch.float64)
    t = torch.linspace(0, 1, 25, dtype=torch.float64)
    *_, middle = mode_connectivity.train_bezier_steps(gradient, w0, w1)
    assert (losses_at(loss, mode_connectivity.line(w0, w1, t)).amax(0) > 0.9).all()
    found = losses_at(loss, mode_connectivity.bezier(w0, middle, w1, t)).amax(0)
    assert (found < 0.15).all()
    *_, one = mode_connectivity.train_bezier_steps(gradient, w0[1:], w1[1:])
    same(one, middle[1:], 1e-10)


# -- digits ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def learned():
    """L20, seeds 0 and 1: the subject and 41 snapshots."""
    subject = digits.digits_subject([0, 1]).to(torch.float32)
    return subject, torch.stack([theta for _, theta in train(subject, 800, 1e-2, 1e-2, every=20)])


def test_the_surface_of_digits_is_a_bowl(learned):
    """L20: 5e-4 (x3) in the middle, 100 (50-200) at most; a batch is a loop to 1e-4 in float32."""
    subject, snapshots = learned
    w = snapshots[-1, 0]
    plane = Plane(w, torch.stack([planes.filter_normalised(subject.model, w, seed, True) for seed in (1, 2)]))
    *_, values = evaluate_coordinates(lambda places: subject.loss(plane.at(places)), square_axes(1, 51))
    assert 5e-4 / 3 < float(values[25, 25]) < 5e-4 * 3
    assert 50 < float(values.max()) < 200
    a, b = (float(square_axes(1, 51)[0][place]) for place in (3, 40))
    alone = subject.loss(w + a * plane.directions[0] + b * plane.directions[1])
    assert float(values[3, 40]) == pytest.approx(float(alone), rel=1e-4)


def test_the_trajectory_of_digits_is_flat_but_not_on_the_surface(learned):
    """L20: shares .91 and .06 (+-.05) of two directions; the true loss is up to 29 % off that of the projection."""
    subject, snapshots = learned
    found = planes.principal_directions(snapshots)
    np.testing.assert_allclose(found.shares[:, 0], (0.91, 0.06), atol=0.05)
    plane = Plane(snapshots[-1, 0], found.directions[:, 0])
    coordinates, off = plane.project(snapshots[:, 0])
    true, shown = losses_at(subject.loss, snapshots)[:, 0], losses_at(subject.loss, plane.at(coordinates))
    assert float(true[0]) == pytest.approx(float(subject.loss(snapshots[0])[0]), rel=1e-5)
    assert float((true / shown)[:-1].log().abs().max()) > 0.1
    assert float(off[:-1].min()) > 0.01
    assert float(off[-1]) == 0


def test_two_networks_are_apart_on_the_line_and_joined_by_a_curve(learned):
    """L21: largest loss 4.4 (1-10) on the line, .038 (below .15) on the curve, 5e-4 (x3) at the ends."""
    subject, snapshots = learned
    w0, w1, t = snapshots[-1, :1], snapshots[-1, 1:], torch.linspace(0, 1, 25)
    straight = losses_at(subject.loss, mode_connectivity.line(w0, w1, t))
    assert 1 < float(straight.max()) < 10
    assert all(5e-4 / 3 < float(straight[end]) < 5e-4 * 3 for end in (0, -1))
    *_, middle = mode_connectivity.train_bezier_steps(subject.gradient, w0, w1)
    assert float(losses_at(subject.loss, mode_connectivity.bezier(w0, middle, w1, t)).max()) < 0.15
