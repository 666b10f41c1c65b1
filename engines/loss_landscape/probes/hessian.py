"""Probe of the Hessian: its largest eigenvalues, its density, its trace, and how many parameters it counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from engines.core.protocol.config import Knob
from engines.core.protocol.engine import Part, Probe, RunData
from engines.core.protocol.probe_figures import Lines, Trace
from engines.loss_landscape.hessian import spectral_density
from engines.loss_landscape.hessian.lanczos import largest_eigenpairs, rademacher
from engines.loss_landscape.hessian.spectral_density import hutch_plus_plus
from engines.loss_landscape.models.network_at_step import network_of_run
from engines.loss_landscape.probes.hessian_parts import layer_values, minibatch_values
from engines.loss_landscape.probes.landscape import (
    TEMPERATURES,
    Eigenvalues,
    Kind,
    Landscape,
    hessian_spectrum,
    landscape,
)

SKETCH = 8
"""Vectors of the sketch of a trace, for each probe."""


def hessian(
    run: RunData, member: int, step: int = -1, kind: str = "gauss_newton", top: int = 20, steps: int = 80,
    probes: int = 4, n_beta: float = 100.0, layers: bool = False, minibatches: bool = False,
) -> Iterator[Part]:  # fmt: skip
    """Hessian at a step: of the behavioural loss, where Gauss and Newton's is exact, or of the one that is trained.

    Of the latter the Hessian itself, or the part of it that Gauss and Newton keep. Raises `ConfigError` for parameters
    that are not finite, and for layers and minibatches of a loss in closed form.
    """
    chosen = cast(Kind, kind)
    one = landscape(run, member, step, chosen)
    values: dict[str, Any] = {}
    for part in hessian_parts(one, top, steps, probes, n_beta):
        values = dict(part.values)
        yield Part(part.share / (1 + layers + minibatches), values)
    if layers:
        values |= layer_values(network_of_run(run, member, step), one)
        yield Part(1 - minibatches / 3, values)
    if minibatches:
        yield Part(1.0, values | minibatch_values(network_of_run(run, member, step), one, chosen))


def hessian_parts(landscape: Landscape, top: int, steps: int, probes: int, n_beta: float) -> Iterator[Part]:
    """Parts of the result of `hessian` for a landscape."""
    stream = torch.Generator().manual_seed(0)
    spectrum = hessian_spectrum(landscape, steps, probes, stream)
    values = spectrum_values(spectrum, landscape.P, n_beta, steps) | {"scale": landscape.scale}
    values["note"] = hessian_note(spectrum, n_beta, landscape.note)
    yield Part(0.6, values)
    values |= largest_values(landscape, spectrum, min(top, landscape.P), steps, stream)
    yield Part(0.8, values)
    yield Part(1.0, values | trace_values(landscape, spectrum, probes, stream))


def spectrum_values(spectrum: Eigenvalues, P: int, n_beta: float, steps: int) -> dict[str, Any]:
    """Soft count at one temperature and as a curve, and the spectral density."""
    b = torch.as_tensor([n_beta, *TEMPERATURES], dtype=torch.float64)
    count = spectrum.count(b, 1.0)
    at, density = spectral_density.density(spectrum.quadrature, nodes=min(steps, P))
    resolved = (
        {} if spectrum.dense else {"resolution": float(count.ratio[0]), "n_effective_error": float(count.error[0])}
    )
    return {
        "parameters": P, "exact": spectrum.dense, "n_effective": float(count.count[0]), **resolved,
        "most_negative": spectrum.least, "density_eigenvalue": at.numpy(), "density": positive(density),
        "n_beta_curve": TEMPERATURES, "n_effective_curve": count.count[1:].numpy(),
    }  # fmt: skip


def positive(density: Tensor) -> np.ndarray:
    """Replace a `density [points]` by NaN where it is at most 1e-12 of its largest value: its axis is logarithmic."""
    return torch.where(density > 1e-12 * density.max(), density, torch.nan).numpy()


def hessian_note(spectrum: Eigenvalues, n_beta: float, of_loss: str) -> str:
    """Note for a reader, as sentences."""
    messages = [spectrum.note(n_beta, 1.0), of_loss]
    if spectrum.least < -1e-9 * max(spectrum.largest, 0.0):
        messages.append("some eigenvalues are negative: this is no minimum of the loss; they count as 0")
    return ". ".join(text[0].upper() + text[1:] for text in messages if text)


def largest_values(
    landscape: Landscape, spectrum: Eigenvalues, count: int, steps: int, stream: torch.Generator
) -> dict[str, Any]:
    """Largest eigenvalues, and how far off each may be."""
    if spectrum.dense:
        h, off = spectrum.quadrature.nodes[0].flip(-1)[:count], torch.zeros(count, dtype=torch.float64)
    else:
        k = max(min(steps, landscape.P), count)
        h, _, off = largest_eigenpairs(landscape.product, rademacher(stream, landscape.P), k, count)
        off = off.clamp_min(1e-15 * float(h[0]))  # rounding
    return {"number": np.arange(1, count + 1), "eigenvalue": h.numpy(), "eigenvalue_error": off.numpy(),
            "largest": float(h[0]), "largest_error": float(off[0])}  # fmt: skip


def trace_values(landscape: Landscape, spectrum: Eigenvalues, probes: int, stream: torch.Generator) -> dict[str, float]:
    """Sum of all eigenvalues, with its standard error."""
    if spectrum.dense:
        return {"trace": float(spectrum.quadrature.nodes.sum()), "trace_error": 0.0}
    sketch, vectors = (
        rademacher(stream, min(SKETCH * probes, landscape.P), landscape.P),
        rademacher(stream, probes, landscape.P),
    )
    value, error = hutch_plus_plus(landscape.product, sketch, vectors)
    return {"trace": float(value), "trace_error": float(error)}


PROBE = Probe(
    labels={"n_effective": "effective parameters", "n_effective_error": "their standard error",
    "n_effective_factored": "effective parameters, layer by layer", "n_beta": "b",
    "most_negative": "most negative eigenvalue"},
    name="hessian",
    title="How does the loss curve here?",
    doc="The eigenvalues of the Hessian at this step: the largest ones, the density of all, their sum, and how many "
    "parameters they make count. Estimated where there are more than 1,500 parameters, each figure with its error.",
    compute=hessian,
    knobs=(
        Knob(name="kind", labels={"gauss_newton": "behavioural", "hessian": "trained",
             "trained_gauss_newton": "trained, Gauss-Newton"},
             doc="which loss: the behavioural one (behavioural), the one that is trained, or of that one what Gauss "
             "and Newton keep of it, without negative eigenvalues",
             choices=("gauss_newton", "hessian", "trained_gauss_newton")),
        Knob(name="top", doc="eigenvalues that are listed", bounds=(1, 200), soft=(5, 50)),
        Knob(name="steps", doc="Lanczos steps", bounds=(5, 400), soft=(20, 200)),
        Knob(name="probes", doc="random vectors", bounds=(2, 32), more=True),
        Knob(name="n_beta", label="b", doc="inverse temperature b at which parameters count", bounds=(1e-6, 1e15),
             soft=(1, 1e9), log=True),
        Knob(name="layers", doc="the largest eigenvalue and the trace of each layer's own block, too", more=True),
        Knob(name="minibatches", doc="eigenvalues of random minibatches of growing size, too: small ones curve more",
             more=True),
    ),
    pictures=(
        Lines(title="Largest eigenvalues", traces=(Trace(x="number", y="eigenvalue", label="h"),), x_label="number",
              y_label="h", log_y=True),
        Lines(title="Density of all eigenvalues",
              traces=(Trace(x="density_eigenvalue", y="density", label="density", style="line"),),
              x_label="h", y_label="density", log_y=True),
        Lines(title="Parameters that a level of the loss sees",
              traces=(Trace(x="n_beta_curve", y="n_effective_curve", label="N_eff(b)", style="line"),),
              x_label="b", y_label="N_eff", log_x=True),
        Lines(title="Largest eigenvalue of minibatches",
              traces=(Trace(x="minibatch_size", y="minibatch_largest", label="mean of several draws"),
                      Trace(x="minibatch_size", y="minibatch_least", label="least of them", style="line"),
                      Trace(x="minibatch_size", y="minibatch_most", label="largest of them", style="line"),
                      Trace(x="minibatch_size", y="minibatch_whole", label="all samples", style="theory")),
              x_label="samples of a minibatch", y_label="h", log_x=True, log_y=True),
        Lines(title="Layer by layer",
              traces=(Trace(x="layer_number", y="layer_largest", label="largest eigenvalue of its block"),
                      Trace(x="layer_number", y="layer_trace", label="trace of its block")),
              x_label="layer", y_label="h", log_y=True),
    ),
)  # fmt: skip
