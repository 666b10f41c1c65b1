"""Probes of a network of one's own: what bends it, how it is scaled, and which loss is meant."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch import nn

import engines
from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.degeneracy.embedding import passes
from engines.loss_landscape.models.network_at_step import network_of_run
from engines.loss_landscape.probes import degeneracy, hessian, llc
from engines.loss_landscape.probes.intrinsic_dimension import DIMENSIONS, parse_dimensions
from tests.loss_landscape.probes import sampled_run

BENDS = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}


def stored(folder, bend="relu", sizes=(4, 8, 8, 3), labelled=True, X=None):
    """The knobs of a perceptron on 150 samples of three classes, its weights three times as large as torch's."""
    torch.manual_seed(0)
    layers = [one for a, b in pairwise(sizes) for one in (nn.Linear(a, b), BENDS[bend]())]
    state = {name: 3 * W.double() for name, W in nn.Sequential(*layers[:-1]).state_dict().items()}
    X = np.random.default_rng(0).normal(size=(150, sizes[0])) if X is None else X
    y = {"y": np.arange(len(X)) % sizes[-1]} if labelled else {}
    (folder / "own.safetensors").write_bytes(save(state, {"activation": bend}))
    np.savez(folder / "own.npz", X=X, **y)
    return {"subject": "own_network", "network": str(folder / "own.safetensors"), "data": str(folder / "own.npz")}


@pytest.mark.parametrize("bend", ["tanh", "gelu"])
def test_a_smooth_network_has_no_zero_modes(tmp_path, bend):
    """4-8-8-3: the Jacobian has rank 139 of 139; read as ReLUs it would have dozens of zero modes."""
    found = sampled_run.result(degeneracy.PROBE, stored(tmp_path, bend))
    assert (found["parameters"], found["nullity"], found["residual"]) == (139, 0, 0)


def test_chains_say_the_accuracy_of_their_centre(tmp_path):
    run = engines.run("loss_landscape", set={"optimizer": "langevin", **stored(tmp_path)}, steps=2)
    subject = engines.run("loss_landscape", set={"optimizer": "sgd", **stored(tmp_path)}, steps=1)
    for name in ("accuracy", "test_accuracy"):
        assert run[name][:, 0] == pytest.approx(float(subject[name][0, 0]))


def test_the_scale_of_eigenvalues_is_said(tmp_path):
    """Those of `JᵀJ/n` by automatic differentiation are scale² times what both probes show, and the note says so."""
    knobs = stored(tmp_path)
    found, counted = sampled_run.result(hessian.PROBE, knobs), sampled_run.result(degeneracy.PROBE, knobs)
    one = network_of_run(sampled_run.run(**knobs), 0, 0)
    J = torch.autograd.functional.jacobian(lambda at: one.subject.model(at, one.samples.X).flatten(), one.theta)
    h = torch.linalg.eigvalsh(J.mT @ J / len(one.samples.X))
    assert found["scale"] == pytest.approx(float(one.subject.model(one.theta, one.samples.X).std()))
    assert found["largest"] * found["scale"] ** 2 == pytest.approx(float(h[-1]), rel=1e-9)
    assert found["trace"] * found["scale"] ** 2 == pytest.approx(float(h.sum()), rel=1e-9)
    for values in (found, counted):
        assert f"eigenvalues of JᵀJ/n are {found['scale'] ** 2:.5g} times those shown" in values["note"]
    assert sampled_run.result(hessian.PROBE, stored(tmp_path, labelled=False))["scale"] == 1


def test_which_loss_is_meant_is_said_where_nothing_is_trained(tmp_path):
    knobs = stored(tmp_path, labelled=False)
    told = "no labels and no targets: the loss that is trained is the behavioural one"
    assert told in sampled_run.result(hessian.PROBE, knobs, kind="hessian")["note"]
    assert told not in sampled_run.result(hessian.PROBE, knobs)["note"]
    assert told in sampled_run.result(llc.PROBE, knobs, loss="trained", chains=2, draws=20)["note"]


def test_one_sample_has_no_temperature_of_its_own(tmp_path):
    knobs = stored(tmp_path, labelled=False, X=np.ones((1, 4)))
    with pytest.raises(ConfigError, match="one sample does not have: set n_beta"):
        sampled_run.result(llc.PROBE, knobs)
    assert np.isfinite(sampled_run.result(llc.PROBE, knobs, n_beta=10, chains=2, draws=20)["llc"])


@pytest.mark.parametrize("size", [1e100, 1e200])
def test_samples_beyond_all_units_are_refused(tmp_path, size):
    knobs = stored(tmp_path, labelled=False, X=size * np.random.default_rng(0).normal(size=(150, 4)))
    for probe in (llc.PROBE, degeneracy.PROBE):
        with pytest.raises(ConfigError, match=r"reaches \d\.\de\+\d+; the limit is 1e\+50"):
            sampled_run.result(probe, knobs)


def test_the_exact_soft_count_stands_beside_its_estimate_by_factors(tmp_path):
    """Eigenvalues of `CA kron CG` of three layers, the embedding as one; above the exact count, as it is to be."""
    knobs = {"subject": "addition", "modulus": 7, "embedding": 3, "width": 8}
    found = sampled_run.result(degeneracy.PROBE, knobs)
    one = network_of_run(sampled_run.run(**knobs), 0, 0)
    X, total = one.samples.X, 0.0
    for A, G in zip(*(passes(one.subject.model, one.theta, X)[at] for at in (0, 2)), strict=True):
        CA, CG = A.T @ A / len(A), sum(each.T @ each for each in G) / len(X)
        h = torch.linalg.eigvalsh(torch.kron(CA, CG)).clamp_min(0) / found["scale"] ** 2
        total += float((100 * h / (100 * h + 1)).sum())
    assert found["n_effective_factored"] == pytest.approx(total, rel=1e-9)
    assert found["n_effective"] < total


@pytest.mark.parametrize(("P", "dimensions"), [(160, 7), (100, 6), (139, 7), (5, 1)])
def test_a_small_network_takes_the_dimensions_that_it_has(P, dimensions):
    found = parse_dimensions(DIMENSIONS, P)
    assert found[-1] == P
    assert len(found) == dimensions
