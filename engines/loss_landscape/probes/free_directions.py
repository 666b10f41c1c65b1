"""What a count of free directions found, as numbers, arrays by layer, curves and text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines.loss_landscape.degeneracy import embedding, near_synchronised, numerical_rank
from engines.loss_landscape.degeneracy.count import Count, different
from engines.loss_landscape.degeneracy.synchronisation_modes import tangents
from engines.loss_landscape.hessian import effective_dimension
from engines.loss_landscape.hessian.dense import jacobian
from engines.loss_landscape.hessian.kronecker_factors import factor_spectra, factored_soft_rank, spectra_of
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.modular_addition import Embedding
from engines.loss_landscape.models.network_at_step import Specimen
from engines.loss_landscape.probes import taken_apart
from engines.loss_landscape.probes.landscape import Landscape, divided
from engines.loss_landscape.probes.taken_apart import Apart

CURVE = np.geomspace(1, 1e9, 91)
"""Inverse temperatures of the soft count."""

FAINTEST = 1e-20
"""Share of the largest eigenvalue at which those are drawn that are zero up to rounding: the smallest of them would be
out of sight."""


def counts(count: Count, land: Landscape) -> dict[str, Any]:
    """What a count found, as numbers and arrays by layer."""
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
        **spectral(count.values, count.P, land), "gap": float(count.gap), "tolerance": count.tau,
        "tolerances": np.array(count.tolerances), "nullities": count.sweep.numpy(), "warnings": count.warnings,
    }  # fmt: skip


def plain(one: Specimen, land: Landscape, tolerance: float) -> dict[str, Any]:
    """A count by automatic differentiation, with no explanation at all."""
    J = jacobian(one.subject.model, one.theta, one.samples.X)
    unit = torch.linalg.svdvals(numerical_rank.unit_columns(J)[0])
    P, r = len(one.theta), numerical_rank.count_above(unit, tolerance)
    gap = float(numerical_rank.gap(unit, r))
    samples = different(one.samples.X)
    free, rows = P - int(r), samples * one.subject.model(one.theta, one.samples.X).shape[-1]
    said = ["no directions are explained: the model is no perceptron with gates"]
    few = f"only {samples} different samples, n k = {rows} outputs for P = {P} parameters"
    said += [f"{few}: the data limit the rank, not the network"] if rows < P else []
    said += (
        [f"the gap of the spectrum is {gap:.1e}: read the sweep of tolerances"] if gap < numerical_rank.CLEAR else []
    )
    found = {"parameters": P, "nullity": free, "explained": 0, "residual": free, "gap": gap, "tolerance": tolerance,
             "tolerances": np.array(numerical_rank.SWEEP),
             "nullities": (P - numerical_rank.sweep(unit)).numpy()}  # fmt: skip
    return found | spectral(torch.linalg.svdvals(J), P, land) | {"warnings": tuple(said)}


def spectral(values: Tensor, P: int, land: Landscape) -> dict[str, Any]:
    """Eigenvalues of the Hessian of the scaled behavioural loss from singular values of J."""
    h = torch.nn.functional.pad((values / land.scale).square() / land.n, (0, P - len(values)))
    return {
        "number": np.arange(1, P + 1), "eigenvalue": h.numpy(), "raised": h.clamp_min(FAINTEST * h[0]).numpy(),
        "scale": land.scale,
    }  # fmt: skip


def effective(h: np.ndarray, nullity: int, n_beta: float, gamma: float) -> dict[str, Any]:
    """The soft rank at one temperature, as a curve, and the rank that it tends to."""
    seen = torch.as_tensor(h)
    curve = effective_dimension.soft_rank(seen, torch.as_tensor(CURVE), gamma).numpy()
    rank = np.full(len(CURVE), len(h) - nullity)
    return {
        "n_effective": float(effective_dimension.soft_rank(seen, n_beta, gamma)),
        "beta": CURVE,
        "count": curve,
        "rank": rank,
    }


def factored(one: Specimen, land: Landscape, n_beta: float, gamma: float) -> dict[str, Any]:
    """The soft rank as if the Hessian of each layer were a product, in the window of the exact one; {} without layers.

    That window is as wide for every parameter; the one of training's channel, `analysis.look`, is as wide as each
    layer's weights, so that the two differ.
    """
    model, X = one.subject.model, one.samples.X
    if isinstance(model, Embedding):
        spectra = spectra_of(embedding.passes(model, one.theta, X), len(X))
    elif isinstance(model, Mlp):
        spectra = factor_spectra(model, one.theta, X)
    else:
        return {}
    scaled = [(mu, nu / land.scale**2) for mu, nu in spectra]
    return {"n_effective_factored": float(factored_soft_rank(scaled, n_beta, gamma).sum())}


def nearly(apart: Apart, land: Landscape, n_beta: float, gamma: float) -> dict[str, Any]:
    """Pairs of neurons that nearly agree: the curvature along their exchange, and what that direction is worth."""
    rows, directions = [], []
    for layer, (close, block) in enumerate(zip(apart.near, apart.count.blocks, strict=True), 1):
        pairs = taken_apart.closest(close & ~block.same, apart.passes.gates[layer - 1])
        rows += [(layer, i + 1, j + 1) for i, j in pairs.nonzero().tolist()]
        directions.append(tangents(apart.net, apart.theta, layer, pairs, torch.zeros_like(block.on)))
    u = torch.cat(directions) if directions else apart.theta[None][:0]
    curved = taken_apart.curvature(apart, u) / land.scale**2
    table = np.array(rows, int).reshape(-1, 3)
    return {
        "near_layer": table[:, 0], "near_first": table[:, 1], "near_second": table[:, 2],
        "near_curvature": curved.numpy(), "near_weight": near_synchronised.weight(curved, n_beta, gamma).numpy(),
    }  # fmt: skip


def note(values: dict[str, Any], wide: Sequence[int] = ()) -> dict[str, str]:
    """All that a reader has to know, as one text; replaces the warnings. Of hidden layers that are `too_wide`, too."""
    said = list(values.pop("warnings"))
    if values["explained"] and values["residual"] > 0:
        said.append(
            f"{values['residual']} free directions have no reason here: too few data where some neuron fires, or gates "
            "that depend on one another across more than two layers"
        )
        layers = ", ".join(map(str, wide))
        said += [f"that gates depend on one another was not looked for in layer {layers}: too wide"] if wide else []
    said += [text for text in (divided(values["scale"]),) if text]
    if values.get("closed_form_gap"):
        said.append("the closed form does not hold here: it needs independent gates")
    return {"note": ". ".join(text[0].upper() + text[1:] for text in said) + ("." if said else "")}
