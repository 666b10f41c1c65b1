"""Networks of this lab trained by the methods of the optimiser lab, and by a person's own."""

import numpy as np
import pytest
import torch

import dynascope
from engines.core.methods.names import METHODS as NAMES
from engines.core.protocol import registry
from engines.core.protocol.errors import ConfigError
from engines.core.protocol.own_method import METHODS
from engines.loss_landscape.config import METHODS_HERE, LossLandscape
from engines.loss_landscape.engine import ENGINE
from engines.loss_landscape.models import factory
from engines.loss_landscape.models.network_at_step import trajectory

SMALL = {"subject": "linear", "widths": "3-2-3", "corner": False, "samples": 40, "learning_rate": 0.01}
"""A deep linear map that begins where it is drawn: two matrices, nothing else."""


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    """What a test registers is forgotten when it ends."""
    monkeypatch.setattr(METHODS, "cache", {})
    monkeypatch.setattr(registry.PLUGINS, "__path__", [])


def ran(steps=12, **knobs):
    return dynascope.run("loss_landscape", set={**SMALL, "weight_decay": 0.0, **knobs}, steps=steps)


def plain(make, steps, **knobs):
    """A loop over torch.optim on the network of one member; its parameters at the end."""
    subject = factory.build([LossLandscape(**{**SMALL, **knobs})])
    parts = [torch.nn.Parameter(part[0].clone()) for part in subject.model.split(subject.start)]
    optimiser = make(parts)
    for _ in range(steps):
        optimiser.zero_grad()
        subject.loss(torch.cat([part.flatten() for part in parts])[None]).sum().backward()
        optimiser.step()
    return torch.cat([part.detach().flatten() for part in parts])


@pytest.mark.parametrize(
    ("method", "make"),
    [
        ("heavy_ball", lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9)),
        ("nesterov", lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True)),
        ("rmsprop", lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.999)),
    ],
)
def test_a_network_is_trained_as_torch_does(method, make):
    """To 1e-12 of the distance moved, over 30 steps, each of two members."""
    run = ran(30, optimizer=method, seed=[3, 4])
    for member, seed in enumerate((3, 4)):
        found, began = trajectory(run, member, [30])[0], trajectory(run, member, [0])[0]
        expected = plain(make, 30, seed=seed)
        assert (found - expected).abs().max() < 1e-12 * (expected - began).abs().max()


@pytest.mark.parametrize("method", ["muon", "soap", "schedule_free", "prodigy"])
def test_a_member_is_the_same_alone_and_its_training_goes_on_where_it_was(method, tmp_path):
    knobs = {"optimizer": method, "learning_rate": 1.0 if method == "prodigy" else 0.02}
    both, alone = ran(12, **knobs, seed=[0, 1]), ran(12, **knobs, seed=1)
    np.testing.assert_array_equal(both["loss"][:, 1], alone["loss"][:, 0])
    half = tmp_path / "half.parquet"
    ran(7, **knobs, seed=[0, 1]).save(half)
    np.testing.assert_array_equal(dynascope.resume(dynascope.open(half), 12)["loss"], both["loss"])


def test_muon_moves_every_matrix_alike_in_all_directions():
    run = ran(1, optimizer="muon")
    before, after = trajectory(run, 0, [0, 1])
    for step, rows in zip((before - after).split(6), (2, 3), strict=True):
        values = torch.linalg.svdvals(step.view(rows, -1)) / (0.01 * max(1, rows / 2) ** 0.5)
        assert values.min() > 0.6 and values.max() < 1.25


def test_what_counts_of_an_average_is_the_average():
    """Schedule-Free with equal weights: the mean of z, and not the point y at which gradients are taken."""
    run = ran(5, optimizer="schedule_free")
    from engines.core.runs.replay import simulation_at

    state = simulation_at(run, 5, 0).batches[0].state
    assert not torch.equal(state.theta, state.at)
    loss = factory.build([run.configs[0]]).loss(state.theta)
    assert run["loss"][-1, 0] == pytest.approx(float(loss[0]), rel=1e-12)


def test_every_method_trains_and_none_is_forgotten():
    assert set(NAMES) - set(METHODS_HERE) == {"gd", "adam", "scaled_gd", "polyak"}
    for method in set(METHODS_HERE) - {"own"}:
        run = ran(3, optimizer=method)
        assert np.isfinite(run["loss"]).all() and run["loss"][-1, 0] != run["loss"][0, 0], method


def test_an_own_method_trains_beside_minibatches_and_says_when_it_is_slow():
    @dynascope.method("plain")
    def plain_steps(gradient, state, params, knobs):
        return params - knobs["rate"] * gradient, {}

    dynascope.method("sgd")(torch.optim.SGD)
    knobs = {"batch_size": 8, "seed": [0, 1]}
    reference = ran(10, optimizer="sgd", **knobs)
    for name in ("plain", "sgd"):
        run = ran(10, optimizer="own", own_method=name, **knobs)
        np.testing.assert_allclose(run["loss"], reference["loss"], rtol=1e-12)
        assert bool(run.notes) is (name == "sgd")
    with pytest.raises(ConfigError, match="several methods of your own are here"):
        ran(1, optimizer="own")


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        (
            {"optimizer": "muon", "subject": "superposition", "inputs": 6, "embedding": 2},
            "Muon needs matrices, and these parameters have a vector",
        ),
        ({"optimizer": "soap", "subject": "digits", "width": 300}, "SOAP decomposes matrices of 300 rows; the limit"),
    ],
)
def test_a_method_that_needs_matrices_says_so(knobs, message):
    with pytest.raises(ConfigError, match=message):
        ran(1, **knobs)


def test_knobs_that_a_method_does_not_read_are_idle_and_a_free_rate_is_cautioned():
    def config(**knobs):
        return LossLandscape(**{**SMALL, **knobs})

    assert "weight_decay" in ENGINE.idle(config(optimizer="dog"))
    assert "weight_decay" not in ENGINE.idle(config(optimizer="muon"))
    assert "own_method" in ENGINE.idle(config()) and "own_method" not in ENGINE.idle(config(optimizer="own"))
    assert "set learning_rate=1" in ENGINE.caution(config(optimizer="prodigy"))
    assert not ENGINE.caution(config(optimizer="prodigy", learning_rate=1.0))
