"""Probe of neural collapse: how far the features of each layer have collapsed to their class means, class by class."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engines.core.numerics.class_moments import ClassDeviations, ClassMeans
from engines.core.numerics.collapse_metrics import measure
from engines.core.protocol.engine import Part, Probe, RunData
from engines.core.protocol.errors import ConfigError
from engines.core.protocol.probe_figures import Heat, Lines, Trace
from engines.core.subjects.subject import Subject
from engines.loss_landscape.models.mlp import ACTIVATIONS, Mlp
from engines.loss_landscape.models.network_at_step import NetworkAtStep, network_of_run
from engines.loss_landscape.models.own_model import OwnModel

FeaturePass = Callable[[], Iterator[tuple[Mapping[str, Tensor], Tensor]]]
"""One pass over all minibatches: features `[n, *]` by layer, and labels `[n]`."""

METRICS = ("nc1", "nc1_trace", "cdnv", "nc2_etf", "equinorm", "equiangle", "max_angle")
"""Metrics of features alone."""

OF_CLASSIFIER = ("nc3", "nc3_product")
"""Metrics of the last layer with the classifier after it."""


def collapse(run: RunData, member: int, step: int = -1) -> Iterator[Part]:
    """Metrics of neural collapse of the named layers of a classifier at a step, on its training samples.

    Arrays by layer `[L]`, and by class and layer `[K, L]`; features of any shape are taken flat. Two passes over the
    minibatches, whose cost does not depend on how many there are. Raises `ConfigError` without classes or layers.
    Papyan, Han, Donoho 2020, arXiv 2008.08186.
    """
    network = network_of_run(run, member, step)
    feature_pass, classifier = features_of(network)
    names, classes = _layers(feature_pass)
    first = {name: ClassMeans(classes) for name in names}
    for features, labels in feature_pass():
        for name in names:
            first[name].add(features[name].flatten(1), labels)
    empty = (first[names[0]].counts == 0).nonzero()[:, 0].tolist()
    if empty:
        raise ConfigError(f"class {empty[0]} has no samples: classes are 0 to {classes - 1}, and each needs some")
    yield Part(0.5, {})
    second = {name: ClassDeviations(first[name], classifier(first[name].means)) for name in names}
    for features, labels in feature_pass():
        for name in names:
            second[name].add(features[name].flatten(1), labels)
    yield Part(1.0, collapse_values(second))


def features_of(network: NetworkAtStep) -> tuple[FeaturePass, Callable[[Tensor], Tensor | None]]:
    """Return one pass over the features of a network, and what finds a classifier `[K, d]` of means `[d, K]`.

    Raises `ConfigError` without layers or without classes.
    """
    model, theta = network.subject.model, network.theta
    if isinstance(model, OwnModel):
        return _own_features(model.subject, theta), lambda means: _own_classifier(model.subject, theta, means)
    if not isinstance(model, Mlp) or network.samples.y.is_floating_point():
        raise ConfigError(f"subject={network.config.subject} has no layers of a classifier that could collapse")

    def once() -> Iterator[tuple[Mapping[str, Tensor], Tensor]]:
        made = model.layers(theta, network.samples.X)[1][:-1]
        bend = ACTIVATIONS[model.activation]
        yield {f"layer {at}": bend(z) for at, z in enumerate(made, 1)}, network.samples.y

    W = model.split(theta)[-1][:, : model.sizes[-2]]
    return once, lambda means: W if W.shape == means.mT.shape else None


def _own_features(own: Subject, theta: Tensor) -> FeaturePass:
    """One pass over the features of an own model. Raises `ConfigError` without named layers or without classes."""
    features, labels = own.features, own.labels
    if features is None:
        raise ConfigError(f"no layers of {own.name} are named: Subject.of(..., features=['name of a submodule'])")
    if labels is None:
        raise ConfigError(f"{own.name} has no classes: give labels, a function of a minibatch")
    params = own.split(theta)

    def once() -> Iterator[tuple[Mapping[str, Tensor], Tensor]]:
        for minibatch in own.train:
            with torch.no_grad():
                yield features(params, minibatch), labels(minibatch)

    return once


def _own_classifier(own: Subject, theta: Tensor, means: Tensor) -> Tensor | None:
    """Weights `[K, d]` of the last linear layer, where they fit the class means `[d, K]`."""
    layers = [name for name, one in own.module.named_modules() if isinstance(one, nn.Linear)] if own.module else []
    W = own.split(theta).get(f"{layers[-1]}.weight") if layers else None
    return W if W is not None and W.shape == means.mT.shape else None


def _layers(feature_pass: FeaturePass) -> tuple[list[str], int]:
    """Names of the layers, and the number of classes."""
    most, names = -1, []
    for features, labels in feature_pass():
        names, most = list(features), max(most, int(labels.max()))
    if most < 1:
        raise ConfigError("all samples are of one class: there is nothing to collapse to")
    return names, most + 1


def collapse_values(layers: Mapping[str, ClassDeviations]) -> dict[str, Any]:
    """Metrics as arrays by layer, and by class and layer."""
    gathered = list(layers.values())
    last, every = gathered[-1], [measure(one.moments, _weights(one)) for one in gathered]
    values: dict[str, Any] = {name: np.array([float(each[name]) for each in every]) for name in METRICS}
    if last.W is not None:
        values |= {name: float(every[-1][name]) for name in OF_CLASSIFIER}
    return values | {
        "layer_number": np.arange(1, len(layers) + 1), "layer_name": np.array(list(layers)),
        "nearest_mean": np.array([float(one.nearest.sum() / one.counts.sum()) for one in gathered]),
        "class_number": np.arange(len(last.counts)),
        "class_nc1": torch.stack([one.spread / one.distance for one in gathered], 1).numpy(),
        "class_nearest_mean": torch.stack([one.accuracy for one in gathered], 1).numpy(),
        "samples": int(last.counts.sum()),
    }  # fmt: skip


def _weights(one: ClassDeviations) -> Tensor:
    """Classifier in the coordinates of the moments, zeros where there is none."""
    M = one.moments.M
    return torch.zeros_like(M.mT) if one.W is None else one.W


PROBE = Probe(
    name="collapse",
    title="Do classes collapse, layer by layer?",
    doc="How far the features of each named layer lie from their class means, beside the distance between these, for "
    "all classes and for each; and how far the means are from a simplex.",
    compute=collapse,
    labels={"nc1": "NC1", "nc1_trace": "NC1 by traces", "cdnv": "CDNV", "nc2_etf": "NC2", "nc3": "NC3",
    "nc3_product": "NC3 by the product", "nearest_mean": "nearest mean is right"},
    pictures=(
        Lines(title="Spread within classes over that between them", traces=(
            Trace(x="layer_number", y="nc1_trace", label="of traces"), Trace(x="layer_number", y="cdnv", label="CDNV"),
        ), x_label="named layer", y_label="within/between", log_y=True),
        Heat(title="Class by class", values="class_nc1", x="layer_number", y="class_number", x_label="named layer",
             y_label="class", label="within/between", log=True),
    ),
)  # fmt: skip
