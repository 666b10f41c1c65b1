"""Probe that counts free directions, says where they come from, and draws the loss along paths that are free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from math import isclose
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from engines.core.protocol.config import Knob
from engines.core.protocol.engine import Part, Probe, RunData
from engines.core.protocol.errors import ConfigError
from engines.core.protocol.probe_figures import Lines, Neurons, Trace
from engines.loss_landscape.degeneracy.jacobian import GATED
from engines.loss_landscape.degeneracy.numerical_rank import SINGULAR
from engines.loss_landscape.degeneracy.related_gates import layers_too_wide
from engines.loss_landscape.degeneracy.row_space import Factorisation, by_gram, by_qr, map_shares
from engines.loss_landscape.degeneracy.synchronised_neurons import Blocks
from engines.loss_landscape.hessian.dense import LARGEST
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.modular_addition import Embedding
from engines.loss_landscape.models.network_at_step import NetworkAtStep, network_of_run
from engines.loss_landscape.models.own_model import OwnModel
from engines.loss_landscape.probes import free_directions
from engines.loss_landscape.probes.free_directions import (
    autodiff_count,
    count_note,
    count_values,
    effective_values,
    factored_values,
    near_values,
)
from engines.loss_landscape.probes.landscape import Landscape, behavioural_landscape, require_finite
from engines.loss_landscape.probes.own_directions import as_perceptron, count_by_layer
from engines.loss_landscape.probes.paths import NeuronPath, Profile, loss_profile, path_parameters

MAX_AUTODIFF = 600
"""Most parameters of a model that is no perceptron, which is counted by automatic differentiation."""

MAX_QR = 1500
"""Most parameters whose counts have all digits of float64."""

MAX_QR_WITH_TOLERANCE = 3000
"""Most parameters for which a chosen tolerance is worth the minutes that all digits take."""


def is_perceptron(network: NetworkAtStep) -> bool:
    """Whether the model can be taken apart into layers by which directions are explained."""
    return isinstance(network.subject.model, (Embedding, Mlp))


def factorisation(P: int, tolerance: float) -> Factorisation:
    """Choose the factorisation of J. Raises `ConfigError` for a tolerance that so many parameters are too many for."""
    if P <= MAX_QR:
        return partial(by_qr, tau=tolerance)
    if isclose(tolerance, SINGULAR):
        return by_gram
    if P > MAX_QR_WITH_TOLERANCE:
        raise ConfigError(
            f"tolerance = {tolerance:g} cannot be chosen for P = {P} parameters: beyond "
            f"{MAX_QR_WITH_TOLERANCE} they are counted by the eigenvalues of a Gram matrix, which resolve singular "
            f"values down to 1e-6 of the largest; leave it at {SINGULAR:g}"
        )
    return partial(by_qr, tau=tolerance)


def require_affordable(network: NetworkAtStep) -> None:
    """Raise `ConfigError` for parameters that are not finite, or too many for a dense count."""
    require_finite(network.theta)
    explainable = is_perceptron(network) or isinstance(network.subject.model, OwnModel)
    most = LARGEST if explainable else MAX_AUTODIFF
    if len(network.theta) > most:
        kind = "this network" if explainable else "a network that is no perceptron"
        raise ConfigError(
            f"P = {len(network.theta)} parameters are too many for a dense count: of {kind} it takes up to {most}; the "
            "probe `hessian` estimates the soft count of larger ones"
        )


KINDS = (
    "live", "dead", "always on", "synchronised", "nearly synchronised", "no out-weights", "input or output",
)  # fmt: skip
"""Kinds of neurons."""

LIVE, DEAD, ON, SYNCHRONISED, NEARLY, SILENT, END = range(len(KINDS))

MAX_NEURONS_SHOWN = 48
"""Most neurons of a column that are drawn: first those that are not just live."""

FAINT_OUT_WEIGHTS = 1e-9
"""Share of the largest product of out- and in-weights up to which a neuron has no out-weights."""


class NetworkMap(NamedTuple):
    """Neurons that are drawn, one entry each; layers and neurons are numbered as they are named, neurons from 1."""

    layer: np.ndarray
    name: np.ndarray
    kind: np.ndarray
    number: dict[tuple[int, int], int]
    """Place in the map of neuron i (from 0) of layer l."""


def neuron_kinds(net: Mlp, theta: Tensor, layer_blocks: Sequence[Blocks], near: Sequence[Tensor]) -> list[np.ndarray]:
    """Kind of every neuron of every column, `[d_l]` each; near: pairs that nearly agree, `[d, d]` a hidden layer."""
    columns = [np.full(net.sizes[0], END)]
    if not layer_blocks:
        columns += [np.full(d, LIVE) for d in net.sizes[1:-1]]
    for layer, (block, close) in enumerate(zip(layer_blocks, near, strict=True), 1):
        W_in, W_out = net.split(theta)[layer - 1 : layer + 1]
        # Times the in-weights: the same whatever the scale of a neuron.
        outward = W_out[:, : net.sizes[layer]].norm(dim=0) * W_in.norm(dim=1)
        kind = np.full(net.sizes[layer], LIVE)
        conditions = (
            (NEARLY, close.sum(-1) > 1), (SYNCHRONISED, block.live.sum(-1) > 1), (ON, block.on),
            (SILENT, outward <= FAINT_OUT_WEIGHTS * outward.max()), (DEAD, block.dead),
        )  # fmt: skip
        for place, where in conditions:  # the last that holds counts
            kind[where.cpu().numpy()] = place
        columns.append(kind)
    return [*columns, np.full(net.sizes[-1], END)]


def network_map(columns: Sequence[np.ndarray]) -> NetworkMap:
    """Map the neurons of all columns, of kinds `[d_l]` each, at most `MAX_NEURONS_SHOWN` neurons of one."""
    layers, names, kind, number = [], [], [], {}
    for layer, column in enumerate(columns):
        for i in np.sort(np.argsort(column == LIVE, kind="stable")[:MAX_NEURONS_SHOWN]):
            number[layer, int(i)] = len(names)
            layers.append(layer)
            names.append(_neuron_name(layer, int(i), len(columns) - 1))
            kind.append(column[i])
    return NetworkMap(np.array(layers), np.array(names), np.array(kind), number)


def _neuron_name(layer: int, i: int, last: int) -> str:
    if layer in (0, last):
        return f"{'input' if layer == 0 else 'output'} {i + 1}"
    return f"neuron {i + 1} of layer {layer}"


MAX_PROFILE_WORK = 4e9
"""Most products that all profiles may take: beyond, fewer samples."""


def degeneracy(
    run: RunData, member: int, step: int = -1, tolerance: float = SINGULAR, n_beta: float = 100.0, gamma: float = 1.0,
    delta: float = 0.01,
) -> Iterator[Part]:  # fmt: skip
    """Count the free directions of the behavioural loss at a step, `P - rank(J)`, and explain them as far as possible.

    Raises `ConfigError` for a loss without a network, for parameters that are not finite, and for too many of them.
    """
    yield from degeneracy_parts(network_of_run(run, member, step), tolerance, n_beta, gamma, delta)


def degeneracy_parts(
    network: NetworkAtStep, tolerance: float, n_beta: float, gamma: float, delta: float
) -> Iterator[Part]:
    """Parts of the result of `degeneracy` for a network at a step."""
    require_finite(network.theta)
    if isinstance(network.subject.model, OwnModel):
        network.subject.model.subject.require_outputs()
    network, about = as_perceptron(network)
    P = len(network.theta)
    require_affordable(network)
    yield Part(0.02, {"parameters": P})
    landscape = behavioural_landscape(network)
    if isinstance(network.subject.model, OwnModel):
        yield from _examine_by_layer(network, landscape, about, tolerance, n_beta, gamma)
        return
    if not is_perceptron(network):
        values = autodiff_count(network, landscape, tolerance) | factored_values(network, landscape, n_beta, gamma)
        yield Part(
            1.0, values | effective_values(values["eigenvalue"], values["nullity"], n_beta, gamma) | count_note(values)
        )
        return
    stages = free_directions.count_perceptron(network, factorisation(P, tolerance), delta)
    gated = yield from map_shares(stages, lambda share: Part(0.02 + 0.5 * share, {"parameters": P}))
    values = count_values(gated.count, landscape)
    values |= effective_values(values["eigenvalue"], values["nullity"], n_beta, gamma)
    values |= free_directions.closed_form_values(gated)
    values |= near_values(gated, landscape, n_beta, gamma) | factored_values(network, landscape, n_beta, gamma)
    columns = neuron_kinds(gated.net, gated.theta, gated.count.blocks, gated.near)
    drawn = network_map(columns)
    values |= {"layer": drawn.layer, "neuron_name": drawn.name, "kind": drawn.kind}
    values |= count_note(values, layers_too_wide(gated.net), gates=gated.net.activation in GATED, about=about)
    yield Part(0.6, values)
    for share, profiles in loss_along_paths(gated.paths, with_fewer_samples(network), drawn.number):
        yield Part(0.6 + 0.4 * share, values | profiles)


def _examine_by_layer(
    network: NetworkAtStep, landscape: Landscape, about: str, tolerance: float, n_beta: float, gamma: float
) -> Iterator[Part]:
    """Parts of the result for an own model that is no perceptron."""
    P = len(network.theta)
    stages = count_by_layer(network, factorisation(P, tolerance))
    count, names = yield from map_shares(stages, lambda share: Part(0.02 + 0.9 * share, {"parameters": P}))
    values = count_values(count, landscape)
    values |= effective_values(values["eigenvalue"], values["nullity"], n_beta, gamma)
    yield Part(1.0, values | {"layer_name": np.array(names)} | count_note(values, gates=False, about=about))


def with_fewer_samples(network: NetworkAtStep) -> Landscape:
    """Behavioural loss on as many samples as profiles can afford."""
    most = int(MAX_PROFILE_WORK / (1700 * len(network.theta)))
    X, y = network.samples
    return behavioural_landscape(
        network._replace(samples=type(network.samples)(X[: max(100, most)], y[: max(100, most)]))
    )


def loss_along_paths(
    paths: list[NeuronPath], landscape: Landscape, number: dict[tuple[int, int], int]
) -> Iterator[tuple[float, dict]]:
    """Profiles of all paths computed so far, with the share that is done."""
    stream, profiles = torch.Generator().manual_seed(0), []
    for done, path in enumerate(paths, 1):
        profile = loss_profile(path, landscape, stream)
        profiles += [(path, profile)] if profile else []
        if done % 16 == 0 and done < len(paths):
            yield done / len(paths), profile_values(profiles, number)
    yield 1.0, profile_values(profiles, number)


def profile_values(
    profiles: list[tuple[NeuronPath, Profile]], number: dict[tuple[int, int], int]
) -> dict[str, np.ndarray]:
    """Collect the profiles of q paths as arrays: losses `[q, T]` at positions `[T]`, names and neurons `[q]`."""
    at = path_parameters().numpy()
    return {
        "path_position": at,
        "path": np.array([path.name for path, _ in profiles], str),
        "path_neuron": np.array([number.get(path.neuron, -1) for path, _ in profiles], int),
        "path_loss": np.array([profile.loss.numpy() for _, profile in profiles]).reshape(-1, len(at)),
        "random_loss": np.array([profile.random_loss.numpy() for _, profile in profiles]).reshape(-1, len(at)),
    }


PROBE = Probe(
    labels={"nullity": "zero modes", "nullities": "zero modes by tolerance", "types_1_and_2": "types 1 and 2",
    "residual": "without a reason", "n_effective": "effective parameters", "n_beta": "b"},
    name="degeneracy",
    title="Which directions are free, and why?",
    doc="All directions in which the parameters can move without changing what the network does, counted exactly and "
    "explained: layers that see or pass on too little, neurons that fire together, the scale of each ReLU.",
    compute=degeneracy,
    knobs=(
        Knob(name="tolerance", doc="singular values below this share of the largest are zero", bounds=(1e-14, 1e-1),
             log=True, more=True),
        Knob(name="n_beta", label="b", doc="inverse temperature b at which parameters count", bounds=(1e-6, 1e15),
             soft=(1, 1e9), log=True),
        Knob(name="gamma", doc="precision of the window around w*", bounds=(1e-9, 1e9), soft=(1e-2, 1e3), log=True,
             more=True),
        Knob(name="delta", doc="share of the data on which two neurons may disagree and nearly agree",
             bounds=(0, 0.99), soft=(0, 0.1), more=True),
    ),
    pictures=(
        Neurons(
            title="The network, and ways that do not change it", layer="layer", name="neuron_name", kind="kind",
            kinds=KINDS, path_name="path", path_neuron="path_neuron", distance="path_position", loss="path_loss",
            reference_loss="random_loss", label="behavioural loss",
        ),
        Lines(
            title="Spectrum of the Hessian",
            traces=(Trace(x="number", y="eigenvalue_floored", label="eigenvalue h, at least 10⁻²⁰ of the largest"),),
            x_label="number", y_label="h", log_y=True,
        ),
        Lines(
            title="Parameters that a level of the loss sees",
            traces=(
                Trace(x="n_beta_curve", y="n_effective_curve", label="N_eff(b)", style="line"),
                Trace(x="n_beta_curve", y="rank_curve", label="rank", style="theory"),
            ),
            x_label="b", y_label="N_eff", log_x=True,
        ),
        Lines(
            title="The count at other tolerances",
            traces=(Trace(x="tolerances", y="nullities", label="free directions"),),
            x_label="tolerance", y_label="free directions", log_x=True,
        ),
    ),
)  # fmt: skip
