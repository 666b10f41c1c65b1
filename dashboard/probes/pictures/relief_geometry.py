"""A relief scaled into a box that a camera can look at: the plane is 2 by 2, heights go from 0 to `TALL`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from engines.core.protocol.probe_figures import Relief

TALL = 1.1

DROPS = 24
"""Lines from the path down to the surface, at most."""


@dataclass(frozen=True)
class Box:
    """Surface and path in the coordinates of the box; NaN where nothing is known."""

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    """`[n_y, n_x]`."""
    path: np.ndarray
    """Points `[T, 3]`, only those that are known."""
    off_plane: np.ndarray
    """Distance of each point from the plane, `[T]`, from 0 to 1."""
    ranges: tuple[tuple[float, float], ...]
    """Values at the ends of the three axes."""
    note: str = ""

    def surface_height(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Height of the surface at points `[n]`, bilinear between its own; NaN beside it."""
        column, right = _interval(self.x, x)
        row, upper = _interval(self.y, y)
        low = (1 - right) * self.z[row, column] + right * self.z[row, column + 1]
        high = (1 - right) * self.z[row + 1, column] + right * self.z[row + 1, column + 1]
        inside = (right >= 0) & (right <= 1) & (upper >= 0) & (upper <= 1)
        return np.where(inside, (1 - upper) * low + upper * high, np.nan)

    def drops(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Compute both ends `[3]` of lines from the path to the surface beneath or above it."""
        rows = np.unique(np.linspace(0, len(self.path) - 1, DROPS).round().astype(int)) if len(self.path) else []
        tops = self.path[rows]
        feet = np.c_[tops[:, :2], self.surface_height(tops[:, 0], tops[:, 1])]
        return [(top, foot) for top, foot in zip(tops, feet, strict=True) if np.isfinite(foot[2])]


def read_relief(declared: Relief, values: Mapping[str, Any]) -> Box:
    """Scale what a probe computed into a box. Raises `ValueError` or `KeyError` where arrays do not fit together."""
    x, y, z = (np.asarray(values[name], float) for name in (declared.x, declared.y, declared.values))
    path = np.array([np.asarray(values[name], float) for name in declared.path] or [[]] * 4)
    if x.ndim != 1 or y.ndim != 1 or z.shape != (len(y), len(x)) or min(z.shape) < 2:
        raise ValueError(f"{declared.values} {z.shape} is not one height at each of {y.shape} times {x.shape} places")
    if not ((np.diff(x) > 0).all() and (np.diff(y) > 0).all()):
        raise ValueError(f"{declared.x} and {declared.y} do not ascend")
    height, path_height = _height(z, declared.log), _height(path[2], declared.log)
    known_points = np.isfinite(path).all(0) & np.isfinite(path_height)
    path, path_height = path[:, known_points], path_height[known_points]
    heights = np.concatenate([height[np.isfinite(height)], path_height])
    low, high = (heights.min(), heights.max()) if heights.size else (0.0, 1.0)
    ends = ((x[0], x[-1]), (y[0], y[-1]), (low, high if high > low else low + 1))
    flat = [_share(axis, *end) * 2 - 1 for axis, end in zip((x, y, *path[:2]), ends[:2] * 2, strict=True)]
    tall = [_share(axis, *ends[2]) * TALL for axis in (height, path_height)]
    lost = int((np.isfinite(z) & ~np.isfinite(height)).sum())
    return Box(
        flat[0], flat[1], tall[0], np.c_[flat[2], flat[3], tall[1]], np.clip(path[3], 0, 1),
        tuple((float(a), float(b)) for a, b in ends),
        f"{lost:,} of {z.size:,} heights are not positive and not drawn" if lost else "",
    )  # fmt: skip


def _height(values: np.ndarray, log: bool) -> np.ndarray:
    if not log:
        return np.where(np.isfinite(values), values, np.nan)
    return np.log10(values, out=np.full(values.shape, np.nan), where=np.isfinite(values) & (values > 0))


def _share(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return (values - low) / (high - low)


def _interval(axis: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the interval of an ascending axis, and the share of it; below 0 or above 1 beside the axis."""
    place = np.clip(np.searchsorted(axis, at, side="right") - 1, 0, len(axis) - 2)
    return place, (at - axis[place]) / (axis[place + 1] - axis[place])
