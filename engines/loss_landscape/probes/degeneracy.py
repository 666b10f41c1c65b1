"""The probe that counts free directions and says where they come from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines.core.config import Knob
from engines.core.engine import Probe
from engines.core.errors import ConfigError
from engines.core.pictures import Lines, Neurons, Trace
from engines.core.probing import Part
from engines.core.run import Run
from engines.loss_landscape.counts import jacobian, near, ranks, soft
from engines.loss_landscape.counts.count import Count
from engines.loss_landscape.counts.generators import tangents
from engines.loss_landscape.curvature.dense import LARGEST
from engines.loss_landscape.mlp import Mlp
from engines.loss_landscape.probes import taken_apart
from engines.loss_landscape.probes.landscape import Landscape, behavioural, finite
from engines.loss_landscape.probes.network_map import KINDS, drawn, kinds
from engines.loss_landscape.probes.profiles import places, profile
from engines.loss_landscape.probes.taken_apart import Apart
from engines.loss_landscape.probes.ways import Way
from engines.loss_landscape.specimen import Specimen, specimen
from engines.loss_landscape.training.modular import Embedding

PLAIN = 600
"""Parameters up to which a model that is no perceptron is counted, by automatic differentiation."""

CURVE = np.geomspace(1, 1e9, 91)
"""Inverse temperatures of the soft count."""

WORK = 4e9
"""Products that all profiles may take: beyond, fewer samples."""


def degeneracy(
    run: Run, member: int, step: int = -1, tolerance: float = 1e-9, n_beta: float = 100.0, gamma: float = 1.0,
    delta: float = 0.01,
) -> Iterator[Part]:  # fmt: skip
    """Free directions of the behavioural loss at a step: `P - rank(J)`, and as far as they are explained.

    Raises `ConfigError` for a loss without a network, for parameters that are not finite, and for too many of them.
    """
    yield from examined(specimen(run, member, step), tolerance, n_beta, gamma, delta)


def examined(one: Specimen, tolerance: float, n_beta: float, gamma: float, delta: float) -> Iterator[Part]:
    """The same of a specimen."""
    P = len(one.theta)
    admitted(one)
    yield Part(0.02, {"parameters": P})
    land = behavioural(one)
    if not gated(one):
        values = plain(one, land, tolerance)
        yield Part(1.0, values | effective(values["eigenvalue"], values["nullity"], n_beta, gamma) | note(values))
        return
    apart = taken_apart.apart(one, tolerance, delta)
    values = counts(apart.count, land)
    values |= effective(values["eigenvalue"], values["nullity"], n_beta, gamma) | taken_apart.closed_form(apart)
    values |= nearly(apart, land, n_beta, gamma)
    columns = kinds(apart.net, apart.theta, apart.count.blocks, apart.near)
    seen = drawn(columns)
    values |= {"layer": seen.layer, "neuron_name": seen.name, "kind": seen.kind} | note(values)
    yield Part(0.6, values)
    for share, profiles in walked(apart.ways, lighter(one), seen.number):
        yield Part(0.6 + 0.4 * share, values | profiles)


def gated(one: Specimen) -> bool:
    """Whether there are gates to explain directions by."""
    model = one.subject.model
    return isinstance(model, Embedding) or (isinstance(model, Mlp) and model.activation in ("relu", "linear"))


def admitted(one: Specimen) -> None:
    """Raise `ConfigError` for parameters that are not finite, or too many for a dense count."""
    finite(one.theta)
    most = LARGEST if gated(one) else PLAIN
    if len(one.theta) > most:
        kind = "this network" if gated(one) else "a network without ReLU layers that can be taken apart"
        raise ConfigError(
            f"P = {len(one.theta)} parameters are too many for a dense count: of {kind} it takes up to {most}; the "
            "probe `hessian` estimates the soft count of larger ones"
        )


def counts(count: Count, land: Landscape) -> dict[str, Any]:
    """What a count found, as numbers and arrays by layer."""
    whole = {"parameters": count.P, "nullity": count.nullity, "explained": count.explained, "residual": count.residual,
             "types_1_and_2": count.N12.sum(), "single_layers": (count.N12 + count.excess).sum(),
             "across_layers": count.cross}  # fmt: skip
    layers = {"rank_activations": count.r_a, "rank_gradients": count.r_g, "N1": count.N1, "N2": count.N2,
              "N12": count.N12, "excess": count.excess}  # fmt: skip
    sizes = [(block.sizes * ~block.dead)[block.sizes > 1] for block in count.blocks]
    sizes = torch.cat([each[each > 0] for each in sizes]) if sizes else torch.zeros(0)
    return {
        **{name: int(value) for name, value in whole.items()},
        **{name: value.numpy() for name, value in layers.items()},
        "synchronised": len(sizes), "block_sizes": sizes.numpy(),
        **spectral(count.values, float(count.gap), count.P, land), "warnings": count.warnings,
    }  # fmt: skip


def plain(one: Specimen, land: Landscape, tolerance: float) -> dict[str, Any]:
    """A count by automatic differentiation, with no explanation at all."""
    values = torch.linalg.svdvals(jacobian.of(one.subject.model, one.theta, one.samples.X))
    P, r = len(one.theta), ranks.count_above(values, tolerance)
    gap = float(ranks.gap(values, r))
    free, rows = P - int(r), land.n * one.subject.model(one.theta, one.samples.X).shape[-1]
    said = ["no directions are explained: the model is no perceptron with gates"]
    said += (
        [f"only n k = {rows} outputs for P = {P} parameters: the data limit the rank, not the network"]
        if rows < P
        else []
    )
    said += [f"the gap of the spectrum is {gap:.1e}: read the sweep of tolerances"] if gap < ranks.CLEAR else []
    found = {"parameters": P, "nullity": free, "explained": 0, "residual": free}
    return found | spectral(values, gap, P, land) | {"warnings": tuple(said)}


def spectral(values: Tensor, gap: float, P: int, land: Landscape) -> dict[str, Any]:
    """Eigenvalues of the Hessian of the scaled behavioural loss from singular values of J, and the tolerance sweep."""
    h = torch.nn.functional.pad((values / land.scale).square() / land.n, (0, P - len(values)))
    return {
        "gap": gap, "number": np.arange(1, P + 1), "eigenvalue": h.numpy(), "tolerances": np.array(ranks.SWEEP),
        "nullities": (P - ranks.sweep(values)).numpy(), "scale": land.scale,
    }  # fmt: skip


def effective(h: np.ndarray, nullity: int, n_beta: float, gamma: float) -> dict[str, Any]:
    """The soft rank at one temperature, as a curve, and the rank that it tends to."""
    seen = torch.as_tensor(h)
    curve = soft.soft_rank(seen, torch.as_tensor(CURVE), gamma).numpy()
    rank = np.full(len(CURVE), len(h) - nullity)
    return {"n_effective": float(soft.soft_rank(seen, n_beta, gamma)), "beta": CURVE, "count": curve, "rank": rank}


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
        "near_curvature": curved.numpy(), "near_weight": near.weight(curved, n_beta, gamma).numpy(),
    }  # fmt: skip


def lighter(one: Specimen) -> Landscape:
    """The behavioural loss on as many samples as profiles can afford."""
    most = int(WORK / (1700 * len(one.theta)))
    X, y = one.samples
    return behavioural(one._replace(samples=type(one.samples)(X[: max(100, most)], y[: max(100, most)])))


def walked(ways: list[Way], land: Landscape, number: dict[tuple[int, int], int]) -> Iterator[tuple[float, dict]]:
    """The profiles of all ways known so far, with the share that is done."""
    stream, known = torch.Generator().manual_seed(0), []
    for done, way in enumerate(ways, 1):
        found = profile(way, land, stream)
        known += [(way, found)] if found else []
        if done % 16 == 0 or done == len(ways):
            yield (
                done / len(ways),
                {
                    "along": places().numpy(),
                    "way": np.array([way.name for way, _ in known]),
                    "owner": np.array([number.get(way.owner, -1) for way, _ in known]),
                    "height": np.array([found.height.numpy() for _, found in known]),
                    "beside": np.array([found.beside.numpy() for _, found in known]),
                },
            )


def note(values: dict[str, Any]) -> dict[str, str]:
    """All that a reader has to know, as one text; replaces the warnings."""
    said = list(values.pop("warnings"))
    if values["explained"] and values["residual"]:
        said.append(
            f"{values['residual']} free directions have no reason here: nested gates, or gates that are one on the "
            "data that a deeper neuron sees"
        )
    if values["scale"] != 1:
        said.append(f"outputs were divided by their standard deviation {values['scale']:.3g}, so that steps compare")
    if values.get("closed_form_gap"):
        said.append("the closed form does not hold here: it needs independent gates")
    return {"note": ". ".join(text[0].upper() + text[1:] for text in said) + ("." if said else "")}


PROBE = Probe(
    name="degeneracy",
    title="Which directions are free, and why?",
    doc="All directions in which the parameters can move without changing what the network does, counted exactly and "
    "explained: layers that see or pass on too little, neurons that fire together, the scale of each ReLU.",
    compute=degeneracy,
    knobs=(
        Knob(name="tolerance", doc="singular values below this share of the largest are zero", bounds=(1e-14, 1e-1),
             log=True, more=True),
        Knob(name="n_beta", doc="inverse temperature b at which parameters count", bounds=(1e-6, 1e15),
             soft=(1, 1e9), log=True),
        Knob(name="gamma", doc="precision of the window around w*", bounds=(1e-9, 1e9), soft=(1e-2, 1e3), log=True,
             more=True),
        Knob(name="delta", doc="share of the data on which two neurons may disagree and nearly agree",
             bounds=(0, 0.99), soft=(0, 0.1), more=True),
    ),
    pictures=(
        Neurons(
            title="The network, and ways that do not change it", layer="layer", name="neuron_name", kind="kind",
            kinds=KINDS, way="way", owner="owner", along="along", height="height", beside="beside",
            label="behavioural loss",
        ),
        Lines(
            title="Spectrum of the Hessian", traces=(Trace(x="number", y="eigenvalue", label="eigenvalue h"),),
            x_label="number", y_label="h", log_y=True,
        ),
        Lines(
            title="Parameters that a level of the loss sees",
            traces=(
                Trace(x="beta", y="count", label="N_eff(b)", style="line"),
                Trace(x="beta", y="rank", label="rank", style="theory"),
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
