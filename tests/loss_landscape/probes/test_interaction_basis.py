"""The interaction basis of networks that learned to add, of planted modules, of linear maps, and what is refused."""

import numpy as np
import pytest
import torch

from engines.core.protocol.engine import Part
from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.config import LossLandscape
from engines.loss_landscape.interaction import basis, edges, graph
from engines.loss_landscape.interaction.basis import make_homogeneous
from engines.loss_landscape.interaction.edges import Faithfulness, accuracy, explained_variance
from engines.loss_landscape.models import modular_addition, network_at_step
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.probes.interaction_basis import PROBE, analyse
from tests.loss_landscape.close import randn
from tests.loss_landscape.probes.descent_engine import descended, last, still
from tests.loss_landscape.trained import train

KINDS = ("local", "pca", "neurons")


def result(found, kind="local", keep=0.999, resolution=1.0, centred=True, seed=0):
    return last(analyse(found, kind, keep, resolution, centred, seed))


# -- scores ----------------------------------------------------------------------------------------------------------


def test_scores_are_shares_of_what_the_whole_network_does():
    f = randn(20, 3)
    assert float(explained_variance(f)(f)) == 1
    assert float(explained_variance(f)(f.mean(0).expand(20, 3))) == pytest.approx(0, abs=1e-12)
    assert explained_variance(f)(torch.stack([f, 2 * f - f.mean(0)])).tolist() == pytest.approx([1, 0])
    assert float(accuracy(f.argmax(-1))(f)) == 1
    with pytest.raises(ConfigError, match="the same for all samples"):
        explained_variance(torch.ones(4, 2))


def test_the_fewest_edges_and_features_are_those_of_a_search_one_by_one():
    """Section by section and layer by layer, where the score rises with every one; PCA of a linear map."""
    net = Mlp((4, 4, 4), "linear")
    folded = make_homogeneous(net, randn(net.P), randn(50, 4, seed=1))
    score = explained_variance(folded.outputs)
    needs = Faithfulness(folded, basis.simple_bases(folded, "pca"), score, torch.tensor(0.99))
    for layer in range(3):
        enough = [bool(score(_features(needs, layer, keep)) >= 0.99) for keep in range(5)]
        assert needs.features(layer) == enough.index(True)
    for section, E in enumerate(needs.strengths()):
        most = int(edges.edge_count(E, True))
        scores = [float(needs.with_edges(section, E, torch.tensor(keep))) for keep in range(most + 1)]
        found = needs.edges(section, E)
        assert scores[found] >= 0.99 > scores[found - 1]
        kept, curve = needs.curve(section, E)
        assert kept.tolist() == sorted(set(kept.tolist()))
        assert (kept[0], kept[-1]) == (1, most)
        assert curve.tolist() == pytest.approx([scores[int(keep)] for keep in kept])


def _features(needs, layer, keep):
    """Outputs when only the first principal components are kept, by hand."""
    one, at = needs.bases[layer], needs.network.nodes[layer]
    C = one.C.clone()
    C[:, keep + 1 :] = 0
    return needs.network.outputs_from(layer, at @ C @ one.inverse)


# -- graphs ----------------------------------------------------------------------------------------------------------


def test_a_graph_is_shown_with_its_strongest_edges_and_all_its_clusters(monkeypatch):
    monkeypatch.setattr(graph, "MAX_EDGES_SHOWN", 3)
    W = torch.tensor([[0.0, 0, 0], [0, 5, 0], [0, 1, 4]])
    G = graph.interaction_graph([W, W], centred=True)
    found = graph.graph_arrays(G, 3, 1.0, 0)
    assert found["weight"].tolist() == [5, 5, 4]
    assert (found["edges"], found["edges_shown"]) == (6, 3)
    names, ends = found["name"].tolist(), zip(found["source"], found["target"], strict=True)
    told = {(names[a], names[b]) for a, b in ends}
    assert told < {("in · 1", "h1 · 1"), ("h1 · 1", "out · 1"), ("in · 2", "h1 · 2"), ("h1 · 2", "out · 2")}
    assert found["layer"][found["source"]].tolist() == (found["layer"][found["target"]] - 1).tolist()
    assert found["cluster_sizes"].sum() == len(G) == 6
    empty = graph.graph_arrays(graph.interaction_graph([W * 0], centred=True), 2, 1.0, 0)
    assert (len(empty["layer"]), len(empty["weight"]), empty["modularity"]) == (0, 0, 0)


def test_an_edge_that_is_just_needed_weighs_nothing_and_no_edges_none():
    E = torch.tensor([[1.0, 0, 0], [0, 1e-2, 1e-4], [0, 1e-6, 0]], dtype=torch.float64)
    found = graph.section_weights(E, 2, centred=True)
    assert found[1:].flatten().tolist() == pytest.approx([0, 2, 0, 0, 0, 0])
    assert (graph.section_weights(E * 0, 0, centred=True) == 0).all()


# -- networks --------------------------------------------------------------------------------------------------------


def test_a_network_that_learned_to_add_has_few_interactions():
    """L12 on all 961 pairs: 85 and 6 edges for .1 % of accuracy, PCA 893 and 17, neurons 1255 and 1387.

    Draws differ: 57 to 134 and 4 to 8 over nine seeds, hence a factor of two. 32 of 65 hidden features are left.
    """
    subject = modular_addition.embedding_subject([0]).to(torch.float32)
    *_, (_, theta) = train(subject, 3000, 5e-3, 1.0, (0.9, 0.98), 3000)
    values = result(network_at_step.network_of_config(LossLandscape(width=64), theta[0].double()))
    assert values["score"] > 0.99
    for kind, expected in (("local", (85, 6)), ("pca", (893, 17)), ("neurons", (1255, 1387))):
        for count, reference in zip(values[f"edges_needed_{kind}"], expected, strict=True):
            assert reference / 2 < count < reference * 2
    assert values["features"][1] == 31  # and the constant
    assert (values["features_needed"] <= values["features"]).all()
    assert (values["edges_for_99_percent_local"] < values["edges_for_99_percent_pca"]).all()
    assert values["modularity"] > 0.1
    assert "Local needs the fewest" in values["note"]
    for section in (0, 1):
        kept, score = values[f"kept_{section}"], values[f"score_{section}"]
        needed = values["edges_needed_local"][section]
        assert (score[kept >= 2 * needed] > 0.99).all()
        assert (score[kept < needed / 4] < 0.99).all()


@pytest.mark.parametrize("subject", ["addition", "one_hot"])
def test_sums_are_judged_on_all_pairs(subject):
    """Not on those that were shown alone: the score is the accuracy on all 25 of them."""
    found = still(subject, modulus=5, width=8, embedding=4)
    every = modular_addition.all_pairs(5)
    expected = found.subject.accuracy(found.theta, every)
    assert (
        result(found)["score"]
        == pytest.approx(float(expected))
        != float(found.subject.accuracy(found.theta, found.samples))
    )


@pytest.mark.parametrize("seed", range(3))
def test_planted_modules_are_found_and_need_fewer_edges(seed):
    """L18, independent inputs: purity above .97 in the mean; edges for 99 per cent fewer than PCA, every section."""
    knobs = {"planted": "modular", "width": 8, "depth": 3, "samples": 3000, "seed": seed}
    values = result(still(**knobs))
    assert len(values["purity_local"]) == 5
    assert values["purity_local"].mean() > 0.97
    assert values["purity_local"][0] > values["purity_pca"][0] + 0.1
    assert (values["edges_for_99_percent_local"] <= values["edges_for_99_percent_pca"]).all()
    assert values["edges_for_99_percent_local"].sum() < values["edges_for_99_percent_pca"].sum()
    correlated = result(still(**knobs, correlation=0.9))
    assert correlated["purity_local"][0] < values["purity_local"][0]


@pytest.mark.parametrize("kind", ["local", "global"])
@pytest.mark.parametrize("centred", [True, False])
def test_a_deep_linear_map_is_diagonal(kind, centred):
    """L19: four Gaussian 6 x 6 layers, n = 2000, off the diagonal below 1e-20 of what is on it; PCA far above."""
    found = still("linear", widths="6-6-6-6-6", rank=6, corner=False, samples=2000)
    values = result(found, kind, centred=centred)
    assert values[f"off_diagonal_{kind}"].max() < 1e-20
    assert values["off_diagonal_pca"][0] > 0.1
    for layer in range(1, 4):
        np.testing.assert_allclose(values[f"importance_{layer}"], values["importance_0"], rtol=0, atol=1e-9)


def test_a_run_is_analysed_part_by_part():
    """The chosen basis comes first; every array that a picture names is there, even for fewer layers than lines."""
    run = descended(PROBE, 20, subject="digits", width=6, depth=1, learning_rate=0.3)
    seen: list[Part] = []
    values = run.probe("interaction_basis", watch=seen.append, basis="pca", keep=0.9)
    first = next(part for part in seen if part.values)
    assert "edges_needed_pca" in first.values
    assert "edges_needed_local" not in first.values
    assert {f"edges_needed_{kind}" for kind in KINDS} < set(values)
    for picture in PROBE.pictures[1:]:
        assert all(len(values[trace.x]) == len(values[trace.y]) for trace in picture.traces)
    assert len(values["layer"]) == len(values["name"]) == len(values["group"])
    assert max(values["source"].max(), values["target"].max()) < len(values["layer"])
    assert (values["weight"] > 0).all()
    again = run.probe("interaction_basis", basis="pca", keep=0.9)
    assert again["group"].tolist() == values["group"].tolist()


def test_what_has_no_interaction_basis_is_refused():
    small = {"modulus": 5, "width": 8, "embedding": 4}
    for subject, words in (("transformer", "no perceptron"), ("superposition", "no perceptron")):
        with pytest.raises(ConfigError, match=words):
            result(still(subject, **small))
    with pytest.raises(ConfigError, match="has no gates"):
        result(still("one_hot", **small, activation="square"))
    with pytest.raises(ConfigError, match="basis=other is not one of local, global, pca, neurons"):
        result(still(), "other")
    with pytest.raises(ConfigError, match=r"1437 samples .* make the layers narrower"):
        result(still("digits", width=512))
    with pytest.raises(ConfigError, match="not finite"):
        result(still()._replace(theta=still().theta * torch.nan))
