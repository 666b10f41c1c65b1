"""Ways out of where a network is, as a probe computed them: curves, ranges and sentences, one a way."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboard.ui.formatting import number

if TYPE_CHECKING:
    from engines.core.protocol.probe_figures import Neurons

FLOOR = 1e-34
"""What is smaller, or zero, is drawn here: a logarithmic axis has no zero."""


def read(declared: Neurons, values: Mapping[str, Any], neurons: int) -> tuple[np.ndarray, dict[str, Any]]:
    """Places `[T]`, and a column for each thing a way has. Raises `ValueError` or `KeyError` where they do not fit."""
    along = np.asarray(values[declared.along], float)
    names = list(map(str, np.asarray(values[declared.way]).tolist()))
    owner = np.asarray(values[declared.owner], int)
    height, beside = (np.asarray(values[name], float) for name in (declared.height, declared.beside))
    for name, array, shape in (
        (declared.along, along, (along.size,)), (declared.owner, owner, (len(names),)),
        (declared.height, height, (len(names), along.size)), (declared.beside, beside, (len(names), along.size)),
    ):  # fmt: skip
        if array.shape != shape:
            raise ValueError(f"{name} has shape {array.shape}, not {shape}: {len(names)} ways, {along.size} places")
    if not along.size or (len(names) and not -1 <= owner.min() <= owner.max() < neurons):
        raise ValueError(f"{declared.along} is empty, or {declared.owner} names neurons outside -1 to {neurons - 1}")
    return along, _columns(declared.label or "loss", names, owner, height, beside)


def _columns(label: str, names: list[str], owner: Any, height: np.ndarray, beside: np.ndarray) -> dict[str, list[Any]]:
    windows = [_window(np.r_[one, other]) for one, other in zip(height, beside, strict=True)]
    ends = zip(names, height[:, -1].tolist(), beside[:, -1].tolist(), strict=True)
    return {
        "name": names, "owner": owner.tolist(), "height": _raised(height).tolist(), "beside": _raised(beside).tolist(),
        "low": [low for low, _ in windows], "high": [high for _, high in windows],
        "said": [_sentence(label, *end) for end in ends],
    }  # fmt: skip


def _raised(values: np.ndarray) -> np.ndarray:
    """NaN breaks a line; infinity has no place either."""
    return np.where(np.isfinite(values), np.maximum(values, FLOOR), np.nan)


def _window(values: np.ndarray) -> tuple[float, float]:
    """All that is finite, with room on both sides."""
    found = values[np.isfinite(values)]
    low, high = (max(found.min(), FLOOR), max(found.max(), FLOOR)) if len(found) else (0.1, 1.0)
    room = (high / low) ** 0.06 * 1.2
    return float(low / room), float(high * room)


def _sentence(label: str, name: str, here: float, there: float) -> str:
    return (
        f"At the end of the way <b>{escape(name)}</b> the {escape(label)} is <b>{number(here)}</b>; "
        f"in a random direction of the same length it is <b>{number(there)}</b>."
    )


def note(declared: Neurons, values: Mapping[str, Any]) -> str:
    """What is not drawn where it is, in words."""
    heights = np.concatenate([np.ravel(np.asarray(values[name], float)) for name in (declared.height, declared.beside)])
    raised = int((heights < FLOOR).sum())
    return f"{raised:,} of {heights.size:,} values below {number(FLOOR)} are drawn there" if raised else ""
