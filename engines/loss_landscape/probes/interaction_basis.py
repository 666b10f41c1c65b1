"""Probe of the interaction basis: a network in coordinates in which it interacts with itself as little as possible."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines.core.protocol.config import Knob
from engines.core.protocol.engine import Part, Probe, RunData
from engines.core.protocol.errors import ConfigError
from engines.core.protocol.probe_figures import Graph, Lines, Trace
from engines.loss_landscape.interaction import edges, graph
from engines.loss_landscape.interaction.basis import (
    Basis,
    HomogeneousNetwork,
    global_bases,
    local_bases,
    make_homogeneous,
    simple_bases,
)
from engines.loss_landscape.interaction.edges import Faithfulness, accuracy, explained_variance
from engines.loss_landscape.interaction.graph import interaction_graph, purity
from engines.loss_landscape.models import modular_addition, planted_networks
from engines.loss_landscape.models.network_at_step import NetworkAtStep, network_of_run

Bases = Callable[[HomogeneousNetwork, bool], list[Basis]]

BASES: dict[str, Bases] = {
    "local": local_bases,
    "global": global_bases,
    "pca": lambda folded, centred: simple_bases(folded, "pca", centred),
    "neurons": lambda folded, centred: simple_bases(folded, "neurons", centred),
}

COMPARED = ("local", "pca", "neurons")
"""Bases with which the chosen one is compared."""

MAX_NUMBERS = 2**25
"""Most numbers that one ablation holds: a quarter of a gigabyte, three times."""

LAYERS_DRAWN = 4
"""Layers that have a line of their own."""


def interaction_basis(
    run: RunData,
    member: int,
    step: int = -1,
    basis: str = "local",
    keep: float = 0.999,
    resolution: float = 1.0,
    centred: bool = True,
    seed: int = 0,
) -> Iterator[Part]:
    """Find features of every layer, their interactions, and how few of either the network needs.

    Features `fh = at C`, edges `E_ij = mean_x (fh_j dFh_i/dfh_j)²`; of both the least numbers that keep a share `keep`
    of the score: the accuracy of a classifier, `1 - ‖f - f*‖²/var f*` else. Edges weigh `log10(E/eps)`, eps the weakest
    that is needed. Raises `ConfigError` for a model that is no perceptron of ReLUs or linear units. Bushnaq et al.
    2024, arXiv 2405.10928.
    """
    yield from analyse(network_of_run(run, member, step), basis, keep, resolution, centred, seed)


def analyse(
    network: NetworkAtStep, basis: str, keep: float, resolution: float, centred: bool, seed: int
) -> Iterator[Part]:
    """Parts of the result: the chosen basis first, then those it is compared with. Errors as `interaction_basis`."""
    if basis not in BASES:
        raise ConfigError(f"basis={basis} is not one of {', '.join(BASES)}")
    homogeneous, score = _prepare(network)
    floor, values = keep * score(homogeneous.outputs), {}
    kinds = [basis, *(kind for kind in COMPARED if kind != basis)]
    for done, kind in enumerate(kinds):
        faithfulness = Faithfulness(homogeneous, BASES[kind](homogeneous, centred), score, floor)
        E, needed = faithfulness.strengths(), []
        for section, one in enumerate(E):
            needed.append(faithfulness.edges(section, one))
            yield Part((done + (section + 1) / (len(E) + 1)) / len(kinds), values)
        values = (
            values
            | sparsity_values(kind, faithfulness, E, needed, centred)
            | purity_values(kind, network, faithfulness)
        )
        if kind == basis:
            values |= graph_values(faithfulness, E, needed, centred, resolution, seed)
        values["note"] = comparison_note(values, basis)
        yield Part((done + 1) / len(kinds), values)


def _prepare(network: NetworkAtStep) -> tuple[HomogeneousNetwork, Callable[[Tensor], Tensor]]:
    """Network on its data, sums on all pairs, and its score."""
    if network.config.subject in ("addition", "one_hot"):
        network = network._replace(samples=modular_addition.all_pairs(network.config.modulus))
    if not bool(network.theta.isfinite().all()):
        raise ConfigError("the weights are not finite: the run has diverged before this step, choose an earlier one")
    net, theta, X = network.perceptron()
    size = len(X) * max((a + 1) * (b + 1) for a, b in zip(net.sizes[1:], net.sizes[:-1], strict=True))
    if size > MAX_NUMBERS:
        raise ConfigError(
            f"{len(X)} samples times the pairs of features are {size:,} numbers, at most {MAX_NUMBERS:,} are held: "
            "make the layers narrower"
        )
    homogeneous, y = make_homogeneous(net, theta, X), network.samples.y
    return homogeneous, explained_variance(homogeneous.outputs) if y.is_floating_point() else accuracy(y)


def sparsity_values(
    kind: str, faithfulness: Faithfulness, E: Sequence[Tensor], needed: list[int], centred: bool
) -> dict[str, Any]:
    """Sparsity of the sections in one basis, `[L]` each; constants are not counted."""
    inner = [one[int(centred) :, int(centred) :] for one in E]
    values = {
        f"edges_needed_{kind}": np.array(needed),
        f"edges_for_99_percent_{kind}": np.array([int(edges.edges_for_share(one)) for one in inner]),
        f"participation_{kind}": np.array([float(edges.participation(one)) for one in inner]),
    }
    if not faithfulness.network.is_perceptron:
        values[f"off_diagonal_{kind}"] = np.array([float(edges.off_diagonal(one)) for one in inner])
    return values


def purity_values(kind: str, network: NetworkAtStep, faithfulness: Faithfulness) -> dict[str, Any]:
    """Purity of features with respect to planted modules, `[L + 1]`; {} for other networks."""
    config = network.config
    if (config.subject, config.planted) != ("planted", "modular"):
        return {}
    plan = planted_networks.draw_modules(
        [config.seed], config.width, 2, config.depth, config.samples, config.correlation
    )
    layers = zip(faithfulness.network.nodes, faithfulness.bases, plan.parts, strict=True)
    return {f"purity_{kind}": np.array([float(purity(at, one, parts[0])) for at, one, parts in layers])}


def graph_values(
    faithfulness: Faithfulness, E: list[Tensor], needed: list[int], centred: bool, resolution: float, seed: int
) -> dict[str, Any]:
    """Features, the graph and the curves of the chosen basis.

    E: edges `[r', r]` of each of the L sections. `features` and `features_needed` are `[L + 1]`, one a node layer;
    curves and importances are of the first `LAYERS_DRAWN` layers.
    """
    layers = range(len(faithfulness.bases))
    sections = [graph.section_weights(one, count, centred) for one, count in zip(E, needed, strict=True)]
    values = {
        "score": float(faithfulness.score(faithfulness.network.outputs)),
        "features": np.array([int(one.rank) - int(centred) for one in faithfulness.bases]),
        "features_needed": np.array([faithfulness.features(layer) for layer in layers]),
    }
    values |= graph.graph_arrays(interaction_graph(sections, centred), len(layers), resolution, seed)
    for trace in range(LAYERS_DRAWN):
        values |= _importance(faithfulness, trace, centred) | _curve(faithfulness, E, trace)
    return values


def _importance(faithfulness: Faithfulness, layer: int, centred: bool) -> dict[str, np.ndarray]:
    """Mean squares of the features of a layer, the largest first; none where there is no such layer."""
    empty = torch.zeros(0, dtype=torch.float64)
    moment = faithfulness.bases[layer].moment[int(centred) :] if layer < len(faithfulness.bases) else empty
    moment = moment[moment > 0].sort(descending=True).values
    return {f"number_{layer}": np.arange(1, len(moment) + 1), f"importance_{layer}": moment.numpy()}


def _curve(faithfulness: Faithfulness, E: list[Tensor], section: int) -> dict[str, np.ndarray]:
    kept, scores = faithfulness.curve(section, E[section]) if section < len(E) else (torch.zeros(0), torch.zeros(0))
    return {f"kept_{section}": kept.numpy(), f"score_{section}": scores.numpy()}


def comparison_note(values: dict[str, Any], basis: str) -> str:
    """Comparison of bases as sentences."""
    totals = {kind: int(values[f"edges_needed_{kind}"].sum()) for kind in BASES if f"edges_needed_{kind}" in values}
    counts = ", ".join(f"{kind} {total:,}" for kind, total in totals.items())
    others = [total for kind, total in totals.items() if kind in ("pca", "neurons")]
    wins = basis in ("local", "global") and others and totals[basis] < min(others)
    verdict = f"{basis.capitalize()} needs the fewest. " if wins else ""
    return (
        f"Edges needed in all: {counts}. {verdict}As a rule the interaction basis wins on sparsity; recovery of "
        "modules by Q degrades once the inputs of modules are correlated."
    )


def _lines(title: str, x: str, y: str, label: str, x_label: str, y_label: str, log_y: bool) -> Lines:
    traces = [Trace(x=f"{x}_{i}", y=f"{y}_{i}", label=f"{label} {i}", style="line") for i in range(LAYERS_DRAWN)]
    return Lines(title=title, traces=tuple(traces), x_label=x_label, y_label=y_label, log_x=True, log_y=log_y)


PROBE = Probe(
    name="interaction_basis",
    title="What interacts with what",
    doc="Every layer is turned into features that act on as few others as possible. How many edges does the network "
    "need, in this basis and in others, and do its features fall into modules?",
    compute=interaction_basis,
    pictures=(
        Graph(
            layer="layer", name="name", group="group", source="source", target="target", weight="weight",
            label="log₁₀ (E/ε)",
        ),
        _lines("How much features matter", "number", "importance", "layer", "number", "mean square of a feature", True),
        _lines("What is left with few edges", "kept", "score", "section", "edges kept", "score", False),
    ),
    knobs=(
        Knob(name="basis", labels={"pca": "principal components"},
        doc="features by what the next layer sees, by what the outputs see, principal components, "
             "or the neurons themselves", choices=tuple(BASES)),
        Knob(name="keep", doc="share of the score that has to be kept", bounds=(0.01, 1), soft=(0.9, 0.9999)),
        Knob(name="resolution", doc="resolution of the clusters: more makes smaller ones", bounds=(0.01, 100),
             soft=(0.3, 30), log=True),
        Knob(name="centred", doc="whether the mean is a feature of its own"),
        Knob(name="seed", doc="draws the order in which clusters are searched", bounds=(0, 2**31 - 1)),
    ),
)  # fmt: skip
