"""The probe that counts free directions and says where they come from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from engines.core.protocol.config import Knob
from engines.core.protocol.engine import Part, Probe, RunData
from engines.core.protocol.probe_figures import Lines, Neurons, Trace
from engines.loss_landscape.degeneracy.numerical_rank import SINGULAR
from engines.loss_landscape.degeneracy.progress import mapped
from engines.loss_landscape.degeneracy.related_gates import too_wide
from engines.loss_landscape.models.network_at_step import Specimen, specimen
from engines.loss_landscape.probes import taken_apart
from engines.loss_landscape.probes.affordable import admitted, gated, look
from engines.loss_landscape.probes.free_directions import counts, effective, factored, nearly, note, plain
from engines.loss_landscape.probes.landscape import Landscape, behavioural
from engines.loss_landscape.probes.network_map import KINDS, drawn, kinds
from engines.loss_landscape.probes.paths import Way
from engines.loss_landscape.probes.profiles import places, profile

WORK = 4e9
"""Products that all profiles may take: beyond, fewer samples."""


def degeneracy(
    run: RunData, member: int, step: int = -1, tolerance: float = SINGULAR, n_beta: float = 100.0, gamma: float = 1.0,
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
        values = plain(one, land, tolerance) | factored(one, land, n_beta, gamma)
        yield Part(1.0, values | effective(values["eigenvalue"], values["nullity"], n_beta, gamma) | note(values))
        return
    stages = taken_apart.apart(one, look(P, tolerance), delta)
    apart = yield from mapped(stages, lambda share: Part(0.02 + 0.5 * share, {"parameters": P}))
    values = counts(apart.count, land)
    values |= effective(values["eigenvalue"], values["nullity"], n_beta, gamma) | taken_apart.closed_form(apart)
    values |= nearly(apart, land, n_beta, gamma) | factored(one, land, n_beta, gamma)
    columns = kinds(apart.net, apart.theta, apart.count.blocks, apart.near)
    seen = drawn(columns)
    values |= {"layer": seen.layer, "neuron_name": seen.name, "kind": seen.kind}
    values |= note(values, too_wide(apart.net))
    yield Part(0.6, values)
    for share, profiles in walked(apart.ways, lighter(one), seen.number):
        yield Part(0.6 + 0.4 * share, values | profiles)


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
            kinds=KINDS, path_name="way", path_neuron="owner", distance="along", loss="height", reference_loss="beside",
            label="behavioural loss",
        ),
        Lines(
            title="Spectrum of the Hessian",
            traces=(Trace(x="number", y="raised", label="eigenvalue h, at least 10⁻²⁰ of the largest"),),
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
