"""Parts of a Hessian: the blocks of single layers, and what minibatches would say of the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.hessian.dense import matrix
from engines.loss_landscape.hessian.lanczos import largest_eigenpairs, rademacher
from engines.loss_landscape.hessian.spectral_density import hutch_plus_plus, hutchinson
from engines.loss_landscape.models.network_at_step import NetworkAtStep
from engines.loss_landscape.probes.landscape import Kind, Landscape, landscape_of_network, product_chunk, restricted

SMALL = 200
"""Most parameters of a layer whose block is made as a matrix."""

LANCZOS_STEPS, VECTORS = 30, 16
"""Lanczos steps for a largest eigenvalue, and random vectors for a trace."""

DRAWS = 6
"""Minibatches of each size."""

GROWTH, LEAST = 4, 8
"""Ratio of one size of minibatches to the next, and the least."""


def layer_values(network: NetworkAtStep, landscape: Landscape) -> dict[str, Any]:
    """Largest eigenvalue and trace of each layer's diagonal block, as arrays `[L]`."""
    stream = torch.Generator().manual_seed(1)
    layers = network.layers()
    every = [largest_and_trace(restricted(landscape, places), stream) for places in layers.values()]
    largest, trace, error = (np.array(column) for column in zip(*every, strict=True))
    return {
        "layer_number": np.arange(1, len(layers) + 1), "layer_name": np.array(list(layers)),
        "layer_parameters": np.array([len(places) for places in layers.values()]),
        "layer_largest": largest, "layer_trace": trace, "layer_trace_error": error,
    }  # fmt: skip


def largest_and_trace(landscape: Landscape, stream: torch.Generator) -> tuple[float, float, float]:
    """Largest eigenvalue, trace and the trace's standard error: exact of small matrices, else estimated."""
    P = landscape.P
    if P <= SMALL:
        h = torch.linalg.eigvalsh(matrix(landscape.product, landscape.star, product_chunk(landscape)))
        return float(h[-1]), float(h.sum()), 0.0
    product = landscape.product
    largest = largest_eigenpairs(product, rademacher(stream, P), LANCZOS_STEPS, 1).values
    trace = hutch_plus_plus(product, rademacher(stream, VECTORS, P), rademacher(stream, VECTORS, P))
    return float(largest[0]), float(trace.value), float(trace.error)


def minibatch_values(network: NetworkAtStep, landscape: Landscape, kind: Kind) -> dict[str, Any]:
    """Largest eigenvalue and trace on random minibatches of growing size, without replacement, as arrays `[S]`.

    The mean of largest eigenvalues is never below that of all samples, and on few samples far above it. Raises
    `ConfigError` where there are too few samples to draw from.
    """
    n, stream = len(network.samples.X), torch.Generator().manual_seed(2)
    sizes = [LEAST * GROWTH**k for k in range(20) if LEAST * GROWTH**k < n]
    if not sizes:
        raise ConfigError(f"minibatches of {LEAST} samples or more were asked for, of {n} samples: there are too few")
    start, vectors = rademacher(stream, landscape.P), rademacher(stream, VECTORS, landscape.P)

    def measured(size: int) -> tuple[float, float]:
        rows = torch.randperm(n, generator=stream)[:size]
        product = landscape_of_network(network.take(rows), kind).product
        steps = min(LANCZOS_STEPS, landscape.P)
        return float(largest_eigenpairs(product, start, steps, 1).values[0]), float(hutchinson(product, vectors).value)

    drawn = np.array([[measured(size) for _ in range(DRAWS)] for size in sizes])  # [S, DRAWS, 2]
    whole, _, _ = largest_and_trace(landscape, stream)
    top = drawn[..., 0]
    return {
        "minibatch_size": np.array(sizes), "minibatch_largest": top.mean(1), "minibatch_least": top.min(1),
        "minibatch_most": top.max(1), "minibatch_trace": drawn[..., 1].mean(1),
        "minibatch_whole": np.full(len(sizes), whole), "minibatch_ratio": float(top[0].mean() / whole),
    }  # fmt: skip
