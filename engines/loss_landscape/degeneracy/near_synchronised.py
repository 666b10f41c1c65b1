"""Neurons that are almost synchronised, and what a direction that is almost free is worth."""

from __future__ import annotations

import numpy as np
import torch
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.degeneracy.synchronised_neurons import agreement


def clusters(gates: Tensor, delta: float) -> np.ndarray:
    """Groups of neurons, any two of which disagree on at most a share delta of the data; labels `[d]` from 0.

    Complete linkage of `1 - agreement`, gates `[n, d]`; delta = 0 gives the exact blocks. Raises `ConfigError` unless
    0 <= delta < 1.
    """
    if not 0 <= delta < 1:
        raise ConfigError(f"delta = {delta} must be a share of the data, at least 0 and below 1")
    if gates.shape[-1] == 1:
        return np.zeros(1, dtype=int)
    # Whole numbers of data, so that no rounding moves a pair across the threshold.
    n = gates.shape[-2]
    apart = ((1 - agreement(gates)) * n).round().cpu().numpy()
    found = fcluster(linkage(squareform(apart, checks=False), "complete"), delta * n * (1 + 1e-12), "distance")
    return np.unique(found, return_inverse=True)[1]


def rayleigh(J: Tensor, directions: Tensor, n: int) -> Tensor:
    """`q = ‖J u‖²/(n ‖u‖²)`, the curvature along u: J or a factor of JᵀJ `[..., p, P]`, u `[..., q, P]`; `[..., q]`.

    About cubic in the angle between two near-synchronised neurons.
    """
    return (directions @ J.mT).square().sum(-1) / (n * directions.square().sum(-1))


def weight(q: Tensor, b: float, gamma: float = 1.0) -> Tensor:
    """How free a direction of curvature q is at inverse temperature b: `1 - b q/(b q + gamma)`, of the shape of q."""
    return gamma / (b * q + gamma)


def pairs(labels: np.ndarray) -> Tensor:
    """Whether two neurons are in one group, bool `[d, d]`: less those of one block, pairs for `tangents`."""
    return torch.as_tensor(labels[:, None] == labels[None, :])
