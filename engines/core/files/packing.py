"""Results of probes as JSON: numbers as they are, arrays with all their bits."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np

from engines.core.protocol.errors import StoreError, quote

MOST = 32 * 2**20
"""Bytes of arrays that are packed; results beyond them are left out, since a probe can be computed again."""

Results = Mapping[tuple[str, int], Mapping[str, Any]]
"""Values that probes computed, by probe and member."""


def pack(results: Results) -> list[Any]:
    """Write results as a list of `[probe, member, values]`."""
    packed, left = [], MOST
    for (probe, member), values in results.items():
        left -= sum(value.nbytes for value in values.values() if isinstance(value, np.ndarray))
        if left >= 0:
            packed.append([probe, member, {name: _packed(value) for name, value in values.items()}])
    return packed


def _packed(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return {"dtype": value.dtype.str, "shape": value.shape, "base64": data}
    return value.item() if isinstance(value, np.generic) else value


def unpack(packed: Any, members: int) -> dict[tuple[str, int], Mapping[str, Any]]:
    """Restore what `pack` wrote of a run of so many members. Raises what readers raise for a damaged file."""
    results = {}
    for probe, member, values in packed:
        if not (isinstance(probe, str) and type(member) is int and 0 <= member < members):
            raise StoreError(f"it has a result of {quote(probe)} for the member {quote(member)}")
        results[probe, member] = {name: _unpacked(value) for name, value in values.items()}
    return results


def _unpacked(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    kind = np.dtype(value["dtype"])
    if kind.hasobject:
        raise StoreError("a result of a probe is no array of numbers")
    return np.frombuffer(base64.b64decode(value["base64"]), kind).reshape(value["shape"]).copy()
