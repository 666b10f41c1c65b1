"""Free directions through the probe: the reference table, dense Jacobians, and finite moves."""

import numpy as np
import pytest
import torch

from engines.core.analysis.probing import compute_parts
from engines.core.protocol.errors import ConfigError, EngineFailure
from engines.loss_landscape.degeneracy import orbits, synchronised_neurons
from engines.loss_landscape.degeneracy.count import GRAM_WARNING
from engines.loss_landscape.degeneracy.jacobian import layer_passes
from engines.loss_landscape.degeneracy.numerical_rank import SINGULAR
from engines.loss_landscape.degeneracy.row_space import by_gram
from engines.loss_landscape.degeneracy.synchronised_neurons import blocks, tangents
from engines.loss_landscape.hessian.dense import jacobian
from engines.loss_landscape.models.network_at_step import network_of_run
from engines.loss_landscape.models.planted_networks import nearly_synchronised_pair, staircase
from engines.loss_landscape.probes.degeneracy import (
    KINDS,
    MAX_NEURONS_SHOWN,
    PROBE,
    degeneracy_parts,
    factorisation,
    network_map,
)
from engines.loss_landscape.probes.paths import elementary_orbit
from tests.loss_landscape.degeneracy import oracles
from tests.loss_landscape.probes import sampled_run
from tests.loss_landscape.trained import train

GENERIC = {"width": 6, "depth": 1}
# knobs: P, nullity, types 1 and 2, across layers, related gates; nothing is left over
TABLE = [
    ({"planted": "none", **GENERIC}, (57, 6, 0, 6, 0)),
    ({"planted": "activations", **GENERIC}, (57, 18, 12, 6, 0)),
    ({"planted": "duplicate", **GENERIC}, (57, 9, 3, 6, 0)),
    ({"planted": "dead", **GENERIC}, (57, 14, 9, 5, 0)),
    ({"planted": "gradients", **GENERIC}, (57, 11, 6, 5, 0)),
    ({"planted": "parallel", **GENERIC}, (57, 13, 6, 7, 0)),
    ({"planted": "gates", "depth": 1, "outputs": 2, "seed": 1}, (62, 19, 8, 11, 0)),
    ({"planted": "gates", "depth": 1, "outputs": 4, "seed": 1}, (76, 14, 0, 14, 0)),
    ({"planted": "always_on", "outputs": 1, "seed": 1}, (57, 36, 28, 8, 0)),
    ({"planted": "nested", "outputs": 2, "seed": 1}, (56, 20, 7, 11, 2)),
    ({"planted": "all"}, (112, 49, 31, 18, 0)),
]


@pytest.mark.parametrize(("knobs", "row"), TABLE)
def test_counts_are_those_of_the_reference_table(knobs, row):
    """Exact; the closed form of one hidden layer is off by what nested gates leave free alone."""
    found = sampled_run.result(PROBE, knobs)
    names = ("parameters", "nullity", "types_1_and_2", "across_layers", "related_gates")
    assert tuple(found[name] for name in names) == row
    assert (found["explained"], found["residual"]) == (found["nullity"], 0)
    assert found["closed_form_gap"] == found["related_gates"]
    assert (found["nullities"][-1], found["gap"] > 1e10) == (row[1], True)
    assert "no reason" not in found["note"]
    assert ("independent gates" in found["note"]) == (row[-1] > 0)


def test_options_and_pictures_fit():
    sampled_run.offered(PROBE)
    assert sampled_run.drawn(PROBE, sampled_run.result(PROBE, {"planted": "all"})) == [
        one.title for one in PROBE.pictures
    ]


def test_eigenvalues_and_soft_counts_are_those_of_the_hessian():
    """Of the behavioural loss by automatic differentiation twice: 1e-10 of the largest; N_eff to the rank."""
    found = sampled_run.result(PROBE, TABLE[0][0], n_beta=30.0, gamma=2.0)
    net, theta, X = network_of_run(sampled_run.run(**TABLE[0][0]), 0, 0).perceptron()
    H = torch.autograd.functional.hessian(lambda at: orbits.behavioural_loss(net, at, theta, X), theta)
    h = torch.linalg.eigvalsh(H).flip(-1).numpy()
    np.testing.assert_allclose(found["eigenvalue"], h, rtol=0, atol=1e-10 * h[0])
    assert found["n_effective"] == pytest.approx((30 * h / (30 * h + 2)).sum(), rel=1e-9)
    assert (np.diff(found["n_effective_curve"]) >= 0).all()
    assert found["rank_curve"][0] == 51
    assert found["n_effective_curve"][-1] == pytest.approx(51, abs=0.1)


@pytest.mark.parametrize(
    "knobs",
    [
        {"planted": "all"}, {"planted": "always_on", "seed": 1}, {"planted": "gates", "seed": 1, "width": 5},
        {"planted": "dead", **GENERIC}, {"planted": "parallel", **GENERIC}, {"planted": "near"},
        {"subject": "addition", "modulus": 7, "embedding": 3, "width": 8}, {"subject": "linear", "corner": False},
    ],
)  # fmt: skip
def test_the_loss_stays_at_zero_along_free_ways_and_rises_beside_them(knobs):
    """Below 1e-20 of the outputs' mean square, which is up to 300; beside them from 1e-4 on."""
    found = sampled_run.result(PROBE, knobs)
    free = ~np.char.startswith(found["path"], "nearly")
    assert free.sum() >= 3
    assert len(np.unique(found["path"])) == len(found["path"]) <= 80
    assert found["path_loss"][free].max() < 1e-18
    assert found["random_loss"][:, [0, -1]].min() > 1e-4
    middle = found["path_position"] == 0
    assert (found["path_loss"][:, middle] < 1e-28).all()
    assert (found["random_loss"][:, middle] < 1e-28).all()


def test_ways_of_all_kinds_are_offered():
    names = set()
    on = {"planted": "always_on", "seed": 1, "outputs": 1}
    for knobs in (on, {"planted": "near"}, {"planted": "activations"}, {"subject": "addition"}):
        found = sampled_run.result(PROBE, {"modulus": 7, "embedding": 3, "width": 8} | knobs)
        names |= {str(way).split(" ")[0] for way in found["path"]}
    assert names == {"exchange", "bias", "activations:", "gradients:", "nearly", "rescale", "mix"}


def test_elementary_orbits_are_orbits():
    """Of a single entry of N, against the matrix exponential: 1e-12."""
    net, theta, X = staircase(3)
    (block,) = [blocks(g) for g in layer_passes(net, theta, X).gates]
    t = torch.tensor([0.0, 0.3, 1.0], dtype=torch.float64)
    for i, j in block.live.nonzero().tolist():
        N = torch.zeros(3, 6, 6, dtype=torch.float64)
        N[:, i, j] = t
        moved = oracles.exchange_orbit(net, theta, 1, block, N)
        torch.testing.assert_close(elementary_orbit(net, theta, 1, i, j, t), moved, rtol=1e-12, atol=1e-12)


def test_the_map_says_what_is_special_about_each_neuron():
    found = sampled_run.result(PROBE, {"planted": "all"})
    kinds = [KINDS[kind] for kind, layer in zip(found["kind"], found["layer"], strict=True) if layer == 1]
    both = ["always on"] * 2
    assert kinds == [*["synchronised"] * 4, "no out-weights", "synchronised", *both, "dead"]
    assert found["neuron_name"][7] == "neuron 1 of layer 1"
    assert (found["synchronised"], sorted(found["block_sizes"])) == (3, [2, 3, 3])
    owners = {str(way): int(owner) for way, owner in zip(found["path"], found["path_neuron"], strict=True)}
    assert owners["rescale neuron 8 of layer 1"] == 14


def test_a_wide_column_keeps_those_about_which_there_is_something_to_say():
    column = np.zeros(200, int)
    column[[7, 150]] = 1
    seen = network_map([np.full(3, 6), column])
    assert np.bincount(seen.layer).tolist() == [3, MAX_NEURONS_SHOWN]
    assert (seen.kind == 1).sum() == 2
    assert (1, 150) in seen.number
    assert (1, 199) not in seen.number


def test_neurons_that_nearly_agree_have_their_curvature():
    """Rayleigh quotients of a dense Jacobian, 1e-9, about 1e-5 times h_max/10; the weight is 1/(1 + b q)."""
    found = sampled_run.result(PROBE, {"planted": "near", "samples": 4000})
    net, theta, X = nearly_synchronised_pair(0.03, 4000, 0)
    J, paired = jacobian(net, theta, X), torch.zeros(5, 5, dtype=torch.bool)
    paired[[0, 1], [1, 0]] = True
    q = synchronised_neurons.curvature_along(
        J, tangents(net, theta, 1, paired, torch.zeros(5, dtype=torch.bool)), len(X)
    )
    pairs = list(zip(found["near_first"], found["near_second"], strict=True))
    place = [pairs.index(pair) for pair in ((1, 2), (2, 1))]
    np.testing.assert_allclose(found["near_curvature"][place], q.numpy(), rtol=1e-9)
    assert 1e-6 / 3 < q[0] / found["eigenvalue"][0] < 3e-6
    np.testing.assert_allclose(found["near_weight"][place], 1 / (1 + 100 * q.numpy()), rtol=1e-12)
    assert KINDS[found["kind"][4]] == KINDS[found["kind"][5]] == "nearly synchronised"
    strict = sampled_run.result(PROBE, {"planted": "near", "samples": 4000}, delta=0.001)
    assert len(strict["near_curvature"]) == 0


@pytest.mark.parametrize("steps", [0, 150])
def test_an_embedding_network_has_its_closed_form_before_and_after_training(steps):
    """All 433 parameters of p = 13: `e² + h` = 41 where units see all of their inputs, always explained."""
    one = network_of_run(sampled_run.run(subject="addition", modulus=13, embedding=5, train_fraction=0.8), 0, 0)
    points = list(train(one.subject, steps, 5e-3, wd=1.0, betas=(0.9, 0.98))) if steps else []
    theta = points[-1][1][0].double() if steps else one.theta
    assert torch.equal(theta, one.theta) == (steps == 0)
    *_, last = degeneracy_parts(one._replace(theta=theta), 1e-9, 100.0, 1.0, 0.01)
    found = last.values
    assert (found["parameters"], found["closed_form"]) == (
        433,
        41 + found["unseen_input_directions"] + found["types_1_and_2"],
    )
    assert found["nullity"] == found["closed_form"] == found["explained"]
    assert found["nullity"] == 433 - int(torch.linalg.matrix_rank(jacobian(one.subject.model, theta, one.samples.X),
                                                                  rtol=1e-9))  # fmt: skip
    if not steps:
        assert found["nullity"] == 41


def test_outputs_of_classifiers_are_scaled_to_unit_deviation():
    """Soft counts are those of the Jacobian over the deviation, 1e-9, for small logits and for large ones."""
    one = network_of_run(sampled_run.run(subject="addition", modulus=7, embedding=3, width=8), 0, 0)
    *parts, out = one.subject.model.layout.split(one.theta)
    larger = one._replace(theta=one.subject.model.layout.join([*parts, 10 * out]))
    for each in (one, larger):
        *_, last = degeneracy_parts(each, 1e-9, 100.0, 1.0, 0.01)
        deviation = each.subject.model(each.theta, each.samples.X).std()
        J = jacobian(each.subject.model, each.theta, each.samples.X) / deviation
        h = torch.linalg.svdvals(J).square() / len(each.samples.X)
        assert last.values["n_effective"] == pytest.approx(float((100 * h / (100 * h + 1)).sum()), rel=1e-9)
        assert "standard deviation" in last.values["note"]


def test_other_models_are_counted_without_an_explanation():
    found = sampled_run.result(PROBE, {"subject": "superposition", "inputs": 6, "embedding": 2})
    assert (found["parameters"], found["explained"], found["residual"]) == (18, 0, found["nullity"])
    assert "no perceptron" in found["note"]
    assert sampled_run.drawn(PROBE, found) == [one.title for one in PROBE.pictures[1:]]


def test_too_few_data_and_a_spectrum_without_a_gap_are_said():
    few = sampled_run.result(PROBE, {"planted": "none", "samples": 15, **GENERIC})
    assert few["nullity"] >= 57 - 45
    assert "n k = 45" in few["note"]
    coarse = sampled_run.result(PROBE, {"planted": "near", "angle": 1e-3}, tolerance=1e-3)
    assert "gap" in coarse["note"]


def test_what_cannot_be_counted_is_refused_in_a_sentence():
    for knobs, said in (
        ({"subject": "transformer"}, r"P = \d+ .*600.*`hessian`"),
        ({"subject": "one_hot", "width": 256}, r"P = 23808 .*8000.*`hessian`"),
        ({"subject": "potential"}, "no network"),
    ):
        with pytest.raises(ConfigError, match=said):
            sampled_run.result(PROBE, knobs)
    one = network_of_run(sampled_run.run(planted="none", **GENERIC), 0, 0)
    one.theta[3] = torch.nan
    with pytest.raises(ConfigError, match="1 of 57 parameters are not finite"):
        list(degeneracy_parts(one, 1e-9, 100.0, 1.0, 0.01))


THOUSANDS = {"subject": "addition", "modulus": 17, "embedding": 12, "width": 40, "train_fraction": 0.8}


def test_thousands_of_parameters_are_counted_by_a_gram_matrix():
    """P = 1844: `e² + h` = 184 free directions, all explained, and a note on how they were counted."""
    found = sampled_run.result(PROBE, THOUSANDS)
    assert (found["parameters"], found["residual"]) == (1844, 0)
    assert found["nullity"] == found["closed_form"] == 184 + found["unseen_input_directions"] + found["types_1_and_2"]
    assert GRAM_WARNING[1:] in found["note"]
    assert found["tolerances"].tolist() == [1e-2, 1e-3, 1e-4, 1e-6]
    assert sampled_run.drawn(PROBE, found) == [one.title for one in PROBE.pictures]


def test_a_count_that_nobody_waits_for_stops_on_the_way():
    """Long before the profiles, of which the last part tells."""
    run, seen = sampled_run.run(**THOUSANDS), []
    with pytest.raises(EngineFailure, match=r"degeneracy was cancelled at \d+%"):
        for part in compute_parts(PROBE, run, 0, -1, {}):
            seen.append(part)
            run.cancelled = part.share > 0.1
    assert len(seen) >= 2
    assert seen[-1].share < 0.5
    assert "nullity" not in seen[-1].values


def test_a_tolerance_of_ones_own_is_refused_where_it_would_take_minutes():
    assert factorisation(1500, SINGULAR).keywords == {"tau": SINGULAR}
    assert factorisation(1501, SINGULAR) is factorisation(8000, SINGULAR) is by_gram
    assert factorisation(3000, 1e-8).keywords == {"tau": 1e-8}
    with pytest.raises(ConfigError, match=r"tolerance = 1e-08 .* P = 3001 .*Gram"):
        factorisation(3001, 1e-8)
