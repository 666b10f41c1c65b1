"""Edges, ablations and sparsity of the interaction graph against their definitions."""

import pytest
import torch

from engines.loss_landscape.interaction import basis, edges
from engines.loss_landscape.interaction.basis import make_homogeneous
from tests.loss_landscape.close import same
from tests.loss_landscape.interaction.oracle import Plain, network


def case(centred=True, seed=1):
    net, theta, X = network((4, 6, 5, 3), seed=seed, n=40)
    folded = make_homogeneous(net, theta, X)
    return Plain(net, theta, X), folded, basis.local_bases(folded, centred)


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("chunk", [7, 256])
def test_edges_are_mean_squares_of_integrated_gradients(centred, chunk, monkeypatch):
    """Jacobians by autograd along the ray to each sample, 1e-10; the chunk does not matter."""
    monkeypatch.setattr(edges, "CHUNK", chunk)
    plain, folded, bases = case(centred)
    for section in range(3):
        each = [plain.attribution(section, *bases[section : section + 2], sample) for sample in range(40)]
        same(torch.cat(list(edges.attributions(folded, bases, section)), -3), torch.stack(each), 1e-10)
        same(edges.squared_edges(folded, bases, section), torch.stack(each).square().mean(0), 1e-10)


@pytest.mark.parametrize("centred", [True, False])
def test_attributions_sum_to_the_feature(centred):
    """Completeness at alpha = 1 on the actual features of the next layer: 1e-9."""
    _, folded, bases = case(centred)
    for section in range(3):
        found = torch.cat(list(edges.attributions(folded, bases, section)), -3).sum(-1)
        same(found, folded.nodes[section + 1] @ bases[section + 1].C, 1e-9)


def test_all_edges_leave_the_network_and_none_leaves_constants():
    """1e-10; with all features kept too."""
    _, folded, _ = case()
    bases = basis.simple_bases(folded, "pca")
    for section in range(3):
        E = edges.squared_edges(folded, bases, section)
        most = edges.edge_count(E, True)
        same(edges.keep_edges(folded, bases, section, E, most), folded.outputs, 1e-10)
        none = edges.keep_edges(folded, bases, section, E, torch.tensor(0))
        same(none, none[:1].expand_as(none), 1e-12)
        same(edges.keep_features(folded, bases, section, bases[section].rank - 1), folded.outputs, 1e-10)
        mean = edges.keep_features(folded, bases, section, torch.tensor(0))
        at = folded.nodes[section].mean(0)
        same(mean, folded.outputs_from(section, at.expand(40, -1)), 1e-10)


@pytest.mark.parametrize("centred", [True, False])
def test_a_feature_sees_only_those_that_have_an_edge_to_it(centred):
    """Every output feature computed on its own, 1e-10."""
    plain, folded, _ = case()
    bases = basis.simple_bases(folded, "pca", centred)
    source, target = bases[1], bases[2]
    E, keep = edges.squared_edges(folded, bases, 1), 9
    rows = E[1:] if centred else E
    least = rows.flatten().sort(descending=True).values[keep - 1]
    new = torch.zeros(40, len(E), dtype=torch.float64)
    if centred:
        new[:, 0] = 1
    for sample, at in enumerate(plain.nodes[1]):
        for i in range(int(centred), len(E)):
            fh = (at @ source.C) * (E[i] >= least)
            new[sample, i] = plain.section(1, fh @ source.inverse) @ target.C[:, i]
    expected = torch.stack([plain.onward(2, at) for at in new @ target.inverse])[:, :-1]
    same(edges.keep_edges(folded, bases, 1, E, torch.tensor(keep)), expected, 1e-10)


def test_features_are_kept_by_their_mean_square():
    """Projection on the K best of them, by numbers alone; batched counts are single counts."""
    _, folded, bases = case()
    one, at = bases[1], folded.nodes[1]
    for K in range(int(one.rank)):
        chosen = list(range(K + 1))  # the constant and K others: the basis is in order
        expected = folded.outputs_from(1, at @ one.C[:, chosen] @ one.inverse[chosen])
        same(edges.keep_features(folded, bases, 1, torch.tensor(K)), expected, 1e-10)


def test_a_curve_is_its_counts_and_a_batch_its_members():
    """Two networks, four counts of features and of edges at once: 1e-10."""
    net, _, X = network((4, 6, 5, 3), n=40)
    theta = torch.stack([network((4, 6, 5, 3), seed=seed)[1] for seed in (1, 2)])
    together = make_homogeneous(net, theta, X)
    bases = basis.local_bases(together)
    E = edges.squared_edges(together, bases, 1)
    keep = torch.tensor([[0, 1], [2, 2], [5, 3], [9, 14]])
    curve = edges.keep_features(together, bases, 1, keep)
    of_edges = edges.keep_edges(together, bases, 1, E, keep)
    for member in range(2):
        alone = make_homogeneous(net, theta[member], X)
        own = basis.local_bases(alone)
        for place, count in enumerate(keep[:, member]):
            same(curve[place, member], edges.keep_features(alone, own, 1, count), 1e-9)
            expected = edges.keep_edges(alone, own, 1, edges.squared_edges(alone, own, 1), count)
            same(of_edges[place, member], expected, 1e-9)


@pytest.mark.parametrize("threshold", [0, 1, 7, 12])
def test_bisection_finds_the_threshold(threshold):
    """Every member its own, among them none and all."""
    least = torch.tensor([threshold, 12, 0, 5])
    score = lambda keep: (keep >= least).double()  # noqa: E731
    found = edges.fewest_sufficient(score, torch.full((4,), 12), torch.ones(4, dtype=torch.float64))
    assert found.tolist() == least.tolist()


def test_sparsity_of_equal_edges_is_their_number():
    E = torch.zeros(2, 4, 5, dtype=torch.float64)
    E[0, :3, :3], E[1] = 2.0, 0.125
    same(edges.participation(E), torch.tensor([9, 20], dtype=torch.float64), 1e-12)
    assert edges.edges_for_share(E).tolist() == [9, 20]
    assert edges.edges_for_share(E, 0.5).tolist() == [5, 10]
    assert edges.edges_for_share(E, 1.0).tolist() == [9, 20]


def test_sparsity_of_a_known_section():
    E = torch.tensor([[90.0, 9.0], [0.95, 0.05]], dtype=torch.float64)
    assert int(edges.edges_for_share(E, 0.9)) == 1
    assert int(edges.edges_for_share(E, 0.991)) == 3
    assert float(edges.off_diagonal(E)) == pytest.approx(9.95 / 90.05, rel=1e-12)
    faint = torch.tensor([[90.0, 1e-25]], dtype=torch.float64)
    assert float(edges.off_diagonal(faint)) == pytest.approx(1e-25 / 90, rel=1e-12)
    assert float(edges.participation(E)) == pytest.approx(100**2 / (90**2 + 9**2 + 0.95**2 + 0.05**2), rel=1e-12)
    nothing = torch.zeros(2, 2, dtype=torch.float64)
    assert [float(one(nothing)) for one in (edges.edges_for_share, edges.participation)] == [0] * 2
