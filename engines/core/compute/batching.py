"""Batches: values of many members in one tensor each, and the groups of members that are computed alike."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines.core.compute.device import widest_real


def tensor(values: object, device: torch.device) -> Tensor:
    """Make a tensor `[*]` of numbers nested that deep, in the widest real type of a device, see `real`."""
    return torch.as_tensor(np.asarray(values), dtype=widest_real(device), device=device)


def flags(values: object, device: torch.device) -> Tensor:
    """Make a bool tensor `[*]` of truth values nested that deep, on a device."""
    return torch.tensor(values, dtype=torch.bool, device=device)


def stack(values: Sequence[np.ndarray], columns: int | None, device: torch.device) -> Tensor:
    """Stack matrices of different sizes `[n_i, k_i]` to one tensor `[B, n, k]`, zeros below and to the right."""
    shape = (max(len(value) for value in values), columns or values[0].shape[1])
    stacked = np.zeros((len(values), *shape))
    for target, value in zip(stacked, values, strict=True):
        target[: value.shape[0], : value.shape[1]] = value
    return tensor(stacked, device)


def grouped(keys: Sequence[Hashable], device: torch.device) -> list[tuple]:
    """List each distinct key with the places where it stands."""
    distinct = list(dict.fromkeys(keys))
    return [(one, torch.tensor([i for i, k in enumerate(keys) if k == one], device=device)) for one in distinct]


Groups = Sequence[tuple[Any, Any]]
"""Pairs of a key and the places in the batch that share it; a slice where that is the whole batch."""


def groups(keys: Sequence[Hashable], device: torch.device) -> Groups:
    """List groups as `grouped` does, with a slice where all members are alike: then nothing is copied."""
    listed = grouped(keys, device)
    return listed if len(listed) > 1 else [(listed[0][0], slice(None))]


def scattered(groups: Groups, act: Callable[[Any, Any], Tensor]) -> Tensor:
    """Gather what `act(key, places)` returns for each group, at the group's places, in one tensor `[B, *]`."""
    if len(groups) == 1:
        return act(*groups[0])
    results = [act(key, places) for key, places in groups]
    whole = results[0].new_empty((sum(map(len, results)), *results[0].shape[1:]))
    for (_, places), values in zip(groups, results, strict=True):
        whole[places] = values
    return whole
