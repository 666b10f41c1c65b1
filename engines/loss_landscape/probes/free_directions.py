"""Counts of free directions for the probe `degeneracy`: of perceptrons or of any model, as values and text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from engines.core.numerics.lapack import svdvals
from engines.loss_landscape.degeneracy import closed_form, embedding, numerical_rank, synchronised_neurons
from engines.loss_landscape.degeneracy.count import DirectionCount, count_stages, distinct_samples
from engines.loss_landscape.degeneracy.jacobian import GATED, LayerPasses, layer_passes
from engines.loss_landscape.degeneracy.numerical_rank import rank, unit_columns
from engines.loss_landscape.degeneracy.row_space import Factorisation, WithProgress
from engines.loss_landscape.degeneracy.synchronised_neurons import agreement, tangents
from engines.loss_landscape.hessian import effective_dimension
from engines.loss_landscape.hessian.dense import jacobian
from engines.loss_landscape.hessian.kronecker_factors import factor_spectra, factored_soft_rank, spectra_of_passes
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.modular_addition import Embedding
from engines.loss_landscape.models.network_at_step import NetworkAtStep
from engines.loss_landscape.probes.landscape import TEMPERATURES, Landscape, scale_note
from engines.loss_landscape.probes.paths import NeuronPath, PathContext, all_paths

MAX_PAIRS = 64
"""Most pairs of a layer that nearly agree."""

MAX_MIXINGS = 6
"""Most paths of an embedding."""


class PerceptronCount(NamedTuple):
    """The perceptron of a network, the count of the whole, and paths out of it."""

    net: Mlp
    theta: Tensor
    """Parameters of the perceptron, `[P]`."""
    passes: LayerPasses
    """Passes through the perceptron."""
    near: Sequence[Tensor]
    """Pairs of neurons that nearly agree, bool `[d, d]` a hidden layer; none of activations without gates."""
    count: DirectionCount
    paths: list[NeuronPath]
    """Paths in the coordinates of the whole network."""


def count_perceptron(network: NetworkAtStep, factorise: Factorisation, delta: float) -> WithProgress[PerceptronCount]:
    """Count a perceptron, or an embedding with the perceptron above it, stage by stage."""
    net, theta, X = network.perceptron()
    passes = layer_passes(net, theta, X)
    close = [
        synchronised_neurons.same_cluster(synchronised_neurons.near_clusters(g, delta)) & _both_fire(g)
        for g in passes.gates
    ]
    model = network.subject.model
    if isinstance(model, Embedding):
        count = yield from embedding.count_stages(model, network.theta, network.samples.X, factorise, dependent=True)
        above = all_paths(PathContext(net, theta, passes, count.blocks, close))
        paths = [
            *islice(mixing_paths(model, network.theta), MAX_MIXINGS),
            *(_lift_path(model, network.theta, path) for path in above),
        ]
        return PerceptronCount(net, theta, passes, close, count, paths)
    count = yield from count_stages(net, theta, X, factorise, dependent=True)
    every = all_paths(PathContext(net, theta, passes, count.blocks, close))
    return PerceptronCount(net, theta, passes, close, count, every)


def _both_fire(gates: Tensor) -> Tensor:
    fires = gates.any(0)
    return fires[:, None] & fires


def _lift_path(model: Embedding, theta: Tensor, path: NeuronPath) -> NeuronPath:
    return path._replace(curve=lambda t: embedding.to_embedding(model, theta, path.curve(t)))


def mixing_paths(model: Embedding, theta: Tensor) -> Iterator[NeuronPath]:
    """Paths of GL(e) between embedding and readers: each mixes one coordinate of the embedding into the next.

    `E -> E exp(t N)` from `theta [P]`, N zero but for one entry; each curve maps `t [T]` to parameters `[T, P]`.
    """
    for i in range(model.e - 1):
        N = torch.zeros(model.e, model.e, dtype=theta.dtype)
        N[i, i + 1] = 1
        name = f"mix embedding coordinate {i + 1} into {i + 2}"
        yield NeuronPath(name, (0, i), lambda t, N=N: embedding.mix(model, theta, t[:, None, None] * N))


def curvature_along(gated: PerceptronCount, u: Tensor) -> Tensor:
    """Curvature `q = ‖J u‖²/(n ‖u‖²)` along `u [q, P]` of the perceptron: `J u = sum_l G^l dW^l at^l`, `[q]`."""
    layers = zip(gated.passes.G, gated.net.split(u), gated.passes.A, strict=True)
    Ju = sum(torch.einsum("nkd,qdD,nD->qnk", G, W, A) for G, W, A in layers)
    return torch.as_tensor(Ju).square().sum((-2, -1)) / (len(gated.passes.A[0]) * u.square().sum(-1))


def closest_pairs(pairs: Tensor, gates: Tensor) -> Tensor:
    """The `MAX_PAIRS` pairs that agree most, bool `[d, d]`."""
    score = torch.where(pairs, agreement(gates), -1).flatten()
    kept = torch.zeros_like(score, dtype=torch.bool)
    kept[score.topk(min(MAX_PAIRS, len(score))).indices] = True
    return kept.view(pairs.shape) & pairs


def closed_form_values(gated: PerceptronCount) -> dict[str, Any]:
    """Nullity in closed form with the unseen input directions, and its distance from the count; {} without one."""
    expected = _closed_form_nullity(gated) if gated.net.activation in GATED else None
    if expected is None:
        return {}
    return {
        "unseen_input_directions": unseen_input_directions(gated),
        "closed_form": expected,
        "closed_form_gap": int(gated.count.nullity) - expected,
    }


def _closed_form_nullity(gated: PerceptronCount) -> int | None:
    if gated.count.P > gated.net.P:
        e = gated.net.sizes[0] // 2
        return (
            embedding.expected_nullity(gated.count, e, unseen_input_directions(gated))
            if not gated.count.blocks[0].on.any()
            else None
        )
    if gated.net.activation == "linear":
        full = all(int(rank(unit_columns(W)[0])) == min(W.shape) for W in gated.net.split(gated.theta))
        return closed_form.deep_linear(gated.net.sizes) if full and not gated.net.bias else None
    if len(gated.net.sizes) != 3:
        return None
    return int(
        closed_form.one_hidden_layer(gated.net, gated.theta, gated.passes, gated.count.blocks[0])
    ) + unseen_input_directions(gated)


def unseen_input_directions(gated: PerceptronCount) -> int:
    """Number of directions of in-weights that no datum sees on which a live unit of the first layer fires."""
    gates = gated.passes.gates[0][:, ~gated.count.blocks[0].dead]
    return sum(int(closed_form.unseen_inputs(gated.passes.A[0], part).sum()) for part in gates.split(8, -1))


FAINTEST_DRAWN = 1e-20
"""Share of the largest eigenvalue at which those are drawn that are zero up to rounding, so that they stay in sight."""


def count_values(count: DirectionCount, landscape: Landscape) -> dict[str, Any]:
    """Numbers of a count, and arrays by layer."""
    whole = {"parameters": count.P, "nullity": count.nullity, "explained": count.explained, "residual": count.residual,
             "types_1_and_2": count.N12.sum(), "single_layers": (count.N12 + count.excess).sum(),
             "across_layers": count.cross, "related_gates": count.related}  # fmt: skip
    layers = {"rank_activations": count.r_a, "rank_gradients": count.r_g, "N1": count.N1, "N2": count.N2,
              "N12": count.N12, "excess": count.excess}  # fmt: skip
    numbers: dict[str, float] = {name: int(value) for name, value in whole.items()}
    if not count.resolved:
        numbers["residual"] = float("nan")
    sizes = [(block.sizes * ~block.dead)[block.sizes > 1] for block in count.blocks]
    sizes = torch.cat([each[each > 0] for each in sizes]) if sizes else torch.zeros(0)
    return {
        **numbers,
        **{name: value.numpy() for name, value in layers.items()},
        "synchronised": len(sizes), "block_sizes": sizes.numpy(),
        **spectrum_values(count.values, count.P, landscape), "gap": float(count.gap), "tolerance": count.tau,
        "tolerances": np.array(count.tolerances), "nullities": count.sweep.numpy(), "warnings": count.warnings,
    }  # fmt: skip


def autodiff_count(network: NetworkAtStep, landscape: Landscape, tolerance: float) -> dict[str, Any]:
    """Count by automatic differentiation, with no explanation at all."""
    J = jacobian(network.subject.model, network.theta, network.samples.X)
    unit = svdvals(numerical_rank.unit_columns(J)[0])
    P, r = len(network.theta), numerical_rank.count_above(unit, tolerance)
    gap = float(numerical_rank.gap(unit, r))
    samples = distinct_samples(network.samples.X)
    free, rows = P - int(r), samples * network.subject.model(network.theta, network.samples.X).shape[-1]
    messages = ["no directions are explained: the model is no perceptron with gates"]
    few = f"only {samples} different samples, n k = {rows} outputs for P = {P} parameters"
    messages += [f"{few}: the data limit the rank, not the network"] if rows < P else []
    messages += (
        [f"the gap of the spectrum is {gap:.1e}: read the sweep of tolerances"] if gap < numerical_rank.CLEAR else []
    )
    values = {"parameters": P, "nullity": free, "explained": 0, "residual": free, "gap": gap, "tolerance": tolerance,
             "tolerances": np.array(numerical_rank.SWEEP),
             "nullities": (P - numerical_rank.rank_sweep(unit)).numpy()}  # fmt: skip
    return values | spectrum_values(svdvals(J), P, landscape) | {"warnings": tuple(messages)}


def spectrum_values(values: Tensor, P: int, landscape: Landscape) -> dict[str, Any]:
    """Eigenvalues `h_i = (s_i/scale)²/n` of the Hessian of the scaled behavioural loss, `[P]`, largest first.

    values: singular values s of J, descending, `[m]` with m <= P; the other eigenvalues are zero.
    """
    h = torch.nn.functional.pad((values / landscape.scale).square() / landscape.n, (0, P - len(values)))
    return {
        "number": np.arange(1, P + 1), "eigenvalue": h.numpy(),
        "eigenvalue_floored": h.clamp_min(FAINTEST_DRAWN * h[0]).numpy(), "scale": landscape.scale,
    }  # fmt: skip


def effective_values(h: np.ndarray, nullity: int, n_beta: float, gamma: float) -> dict[str, Any]:
    """Soft rank of eigenvalues `h [P]` at one temperature, as a curve, and the rank that it tends to."""
    eigenvalues = torch.as_tensor(h)
    curve = effective_dimension.soft_rank(eigenvalues, torch.as_tensor(TEMPERATURES), gamma).numpy()
    rank = np.full(len(TEMPERATURES), len(h) - nullity)
    return {
        "n_effective": float(effective_dimension.soft_rank(eigenvalues, n_beta, gamma)),
        "n_beta_curve": TEMPERATURES,
        "n_effective_curve": curve,
        "rank_curve": rank,
    }


def factored_values(network: NetworkAtStep, landscape: Landscape, n_beta: float, gamma: float) -> dict[str, Any]:
    """Soft rank as if the Hessian of each layer were a product, in the window of the exact one; {} without layers.

    That window is as wide for every parameter; the one of training's channel, `live_observables.degeneracy_channels`,
    is as wide as each layer's weights, so that the two differ.
    """
    model, X = network.subject.model, network.samples.X
    if isinstance(model, Embedding):
        spectra = spectra_of_passes(embedding.passes(model, network.theta, X), len(X))
    elif isinstance(model, Mlp):
        spectra = factor_spectra(model, network.theta, X)
    else:
        return {}
    scaled = [(mu, nu / landscape.scale**2) for mu, nu in spectra]
    return {"n_effective_factored": float(factored_soft_rank(scaled, n_beta, gamma).sum())}


def near_values(gated: PerceptronCount, landscape: Landscape, n_beta: float, gamma: float) -> dict[str, Any]:
    """Pairs of neurons that nearly agree: the curvature along their exchange, and how free that direction is."""
    rows, directions = [], []
    for layer, (close, block) in enumerate(zip(gated.near, gated.count.blocks, strict=True), 1):
        pairs = closest_pairs(close & ~block.same, gated.passes.gates[layer - 1])
        rows += [(layer, i + 1, j + 1) for i, j in pairs.nonzero().tolist()]
        directions.append(tangents(gated.net, gated.theta, layer, pairs, torch.zeros_like(block.on)))
    u = torch.cat(directions) if directions else gated.theta[None][:0]
    curved = curvature_along(gated, u) / landscape.scale**2
    table = np.array(rows, int).reshape(-1, 3)
    return {
        "near_layer": table[:, 0], "near_first": table[:, 1], "near_second": table[:, 2],
        "near_curvature": curved.numpy(), "near_weight": synchronised_neurons.freedom(curved, n_beta, gamma).numpy(),
    }  # fmt: skip


def count_note(values: dict[str, Any], wide: Sequence[int] = (), gates: bool = True, about: str = "") -> dict[str, str]:
    """Note for a reader, as one text; replaces the warnings. wide: hidden layers that are `too_wide`."""
    messages = [*filter(None, [about]), *values.pop("warnings")]
    if values["residual"] > 0 and not gates:
        messages.append(
            f"{values['residual']} free directions lie across layers, and have no reason here: the theory names those "
            "of single layers, and across layers those of ReLUs"
        )
    elif values["explained"] and values["residual"] > 0:
        messages.append(
            f"{values['residual']} free directions have no reason here: too few data where some neuron fires, or gates "
            "that depend on one another across more than two layers"
        )
        layers = ", ".join(map(str, wide))
        messages += [f"that gates depend on one another was not looked for in layer {layers}: too wide"] if wide else []
    messages += [text for text in (scale_note(values["scale"]),) if text]
    if values.get("closed_form_gap"):
        messages.append("the closed form does not hold here: it needs independent gates")
    return {"note": ". ".join(text[0].upper() + text[1:] for text in messages) + ("." if messages else "")}
