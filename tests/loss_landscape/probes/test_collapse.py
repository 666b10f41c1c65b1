"""Neural collapse of named layers, gathered batch by batch, against the metrics of all features at once."""

import numpy as np
import pytest
import torch
from torch import nn

import engines
from engines.core.numerics.class_moments import ClassDeviations, ClassMeans
from engines.core.numerics.collapse_metrics import measure, nearest_mean_accuracy
from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.probes.collapse import PROBE
from tests.core.numerics.explicit_moments import moments
from tests.loss_landscape import own_models
from tests.loss_landscape.own_models import CROSS_ENTROPY, classes, source
from tests.loss_landscape.probes import sampled_run


def streamed(H, labels, K, W=None, size=7):
    first = ClassMeans(K)
    for part in torch.arange(len(H)).split(size):
        first.add(H[part], labels[part])
    second = ClassDeviations(first, W)
    for part in torch.arange(len(H)).split(size):
        second.add(H[part], labels[part])
    return second


@pytest.mark.parametrize("d", [3, 40])
@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_metrics_of_batches_are_those_of_all_features(d, shift):
    """1e-9, about any common shift; classes of different sizes; fewer dimensions than classes, and more."""
    H = torch.randn(60, d, generator=source(), dtype=torch.float64) + shift
    labels, W = classes(60), torch.randn(3, d, generator=source(2), dtype=torch.float64)
    whole = moments(H.mT, labels, 3)
    right, made = measure(whole, W), streamed(H, labels, 3, W)
    found = measure(made.moments, made.W)
    for name, value in right.items():
        loose = name in ("nc3_uncentred", "feature_norm", "nc2_of")
        assert float(found[name]) == pytest.approx(float(value), rel=1e-4 if loose else 1e-7), name
    assert made.spread == pytest.approx(whole.V.square(), rel=1e-7)
    assert float(made.nearest.sum() / 60) == pytest.approx(float(nearest_mean_accuracy(H.mT, labels, whole.M)))


def test_named_layers_of_a_module_are_measured_class_by_class():
    subject = own_models.resnet(30)
    X, y = subject.precise.train.first
    found = engines.examine("loss_landscape", subject, "collapse")
    assert list(found["layer_name"]) == ["stem", "stages.0", "stages"]
    H = subject.precise.features(dict(subject.precise.params), (X, y))["stages"].flatten(1)
    whole = moments(H.mT, y, 3)
    right = measure(whole, torch.zeros(3, H.shape[1], dtype=torch.float64))
    for name in ("nc1", "nc1_trace", "cdnv", "nc2_etf", "max_angle"):
        assert found[name][-1] == pytest.approx(float(right[name]), rel=1e-8), name
    assert found["class_nc1"].shape == (3, 3)
    apart = (whole.M - whole.M.mean(1, keepdim=True)).square().sum(0)
    np.testing.assert_allclose(found["class_nc1"][:, -1], whole.V.square() / apart, rtol=1e-8)
    assert "nc3" not in found  # the head takes an average of what the last stage makes


def test_the_classifier_is_compared_where_it_reads_the_layer():
    subject = own_models.scikit_learn()
    found = engines.examine("loss_landscape", subject, "collapse")
    X, y = subject.train.first
    H, W = torch.tanh(subject.module[0](X)), subject.module[2].weight
    right = measure(moments(H.mT, y, 3), W)
    assert found["nc3"] == pytest.approx(float(right["nc3"]), rel=1e-8)


def test_hidden_layers_of_a_network_of_the_lab_are_measured_too():
    found = sampled_run.result(PROBE, {"subject": "one_hot", "modulus": 5, "width": 6})
    assert list(found["layer_name"]) == ["layer 1"] and found["class_nc1"].shape == (5, 1)
    with pytest.raises(ConfigError, match="subject=addition has no layers of a classifier"):
        sampled_run.result(PROBE, {"subject": "addition", "modulus": 5, "width": 6})


BAD = {
    "no layers of Linear are named": lambda: engines.Subject.of(nn.Linear(2, 2), pairs(), CROSS_ENTROPY),
    "its targets are no classes": lambda: engines.Subject.of(
        nn.Sequential(nn.Linear(2, 2)), (pairs()[0], pairs()[0]), lambda a, b: (a - b).square().sum(1), features=["0"]
    ),
    "all samples are of one class": lambda: engines.Subject.of(
        nn.Sequential(nn.Linear(2, 2)), (pairs()[0], torch.zeros(4).long()), CROSS_ENTROPY, features=["0"]
    ),
    "class 0 has no samples": lambda: engines.Subject.of(
        nn.Sequential(nn.Linear(2, 2)), (pairs()[0], torch.ones(4).long()), CROSS_ENTROPY, features=["0"]
    ),
}


def pairs():
    return torch.randn(4, 2, generator=source()), torch.tensor([0, 1, 0, 1])


@pytest.mark.parametrize("why", BAD)
def test_what_cannot_collapse_says_why(why):
    with pytest.raises(ConfigError, match=why):
        engines.examine("loss_landscape", BAD[why](), "collapse")


def test_pictures_fit():
    found = engines.examine("loss_landscape", own_models.resnet(30), "collapse")
    lines, heat = PROBE.pictures
    assert sampled_run.drawn(PROBE, found) == [lines.title]
    assert found[heat.values].shape == (len(found[heat.y]), len(found[heat.x]))
