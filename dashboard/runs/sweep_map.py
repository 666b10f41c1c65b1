"""The map of a sweep, by HoloViews on xarray: a mesh over two knobs with theory's lines, sliced by the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import holoviews as hv
import holoviews.plotting.bokeh
import numpy as np
from holoviews.streams import Tap

from dashboard.figures.marks.figure import SIZES, tone_down
from dashboard.ui.formatting import number
from dashboard.ui.notation import plain
from dashboard.ui.palette import INK, SEQUENTIAL
from engines.core.protocol.errors import ConfigError

if TYPE_CHECKING:
    import xarray

    from engines.core.protocol.declarations import Line

HEIGHT = 420

DECADES = 30.0
"""Ratio of the largest to the smallest value from which an axis or the colours are logarithmic."""

Point = dict[str, Any]


class SweepMap:
    """A map over the knobs `across` and `up`; `tapped(point)` is told the values of the cell that is clicked.

    HoloViews makes a widget of each further knob, and replaces the numbers of the figure where one is moved.
    """

    def __init__(
        self,
        data: xarray.DataArray,
        across: str,
        up: str,
        lines: Sequence[Line],
        tapped: Callable[[Point], None],
        at: Point | None = None,
        names: Mapping[str, str] | None = None,
    ) -> None:
        """Begin `at` these values of further knobs; `names` are what readers call the knobs and what is shown.

        Raises `ConfigError` where there is nothing to draw a map over.
        """
        if across == up or {across, up} - set(data.dims):
            raise ConfigError("a map is drawn over two knobs that have several values each")
        self.data = data.transpose(up, across, ...)
        self.across, self.up, self._lines, self._tapped = across, up, lines, tapped
        others = [str(name) for name in self.data.dims if name not in (across, up)]
        self.slices = {name: [_plain(value) for value in self.data[name].values] for name in others}
        """The values of the knobs by which the map is sliced."""
        kept = at or {}
        self.at: Point = {name: kept[name] if kept.get(name) in each else each[0] for name, each in self.slices.items()}
        """The slice that is shown."""
        self._names = dict(names or {})
        self.label = plain(self._names.get(str(data.name), str(data.name)))
        """Name of what is shown."""
        known = self.data.values[np.isfinite(self.data.values)]
        self._ends = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
        self.has_holes = len(known) < self.data.size
        knobs = [
            hv.Dimension((name, self._names.get(name, name)), values=each, default=self.at[name], value_format=_shown)
            for name, each in self.slices.items()
        ]
        mesh: Any = hv.DynamicMap(self._mesh, kdims=knobs)
        self.tap: Any = Tap(source=mesh)
        self.tap.add_subscriber(lambda x=None, y=None: self._cell(x, y))
        self.drawing: Any = (mesh * hv.DynamicMap(self._drawn_lines, kdims=knobs)).opts(**self._options())
        """The map with theory's lines."""

    def value_at(self, point: Point) -> float:
        """Return the value of a cell."""
        return float(self.data.sel({name: point[str(name)] for name in self.data.dims}))

    @property
    def _dimensions(self) -> list[hv.Dimension]:
        named = {"x": self.across, "y": self.up}
        return [hv.Dimension(place, label=self._names.get(name, name)) for place, name in named.items()]

    def _mesh(self, *values: Any) -> Any:
        self.at = dict(zip(self.slices, values, strict=True))
        across, up = (_edges(self.data[name].values) for name in (self.across, self.up))
        shown = self.data.isel({name: self.slices[name].index(value) for name, value in self.at.items()})
        low, high = self._ends
        log = low > 0 and high > DECADES * low
        return hv.QuadMesh((across, up, shown.values), self._dimensions, hv.Dimension("value", label=self.label)).opts(
            cmap=list(SEQUENTIAL), colorbar=True, cnorm="log" if log else "linear", tools=["hover", "tap"],
            clim=(low, high) if low < high else (0, 1), line_width=0, nonselection_alpha=1.0, hover_tooltips=["value"],
        )  # fmt: skip

    def _drawn_lines(self, *values: Any) -> hv.Overlay:
        at = dict(zip(self.slices, values, strict=True))
        drawn = [hv.Curve((self.places(self.across, each.across), self.places(self.up, each.up)), *self._dimensions,
                          label=plain(each.label)).opts(color=INK, line_width=2.5, line_dash="dashed")
                 for each in self._lines if each.at.items() <= at.items()]  # fmt: skip
        return hv.Overlay(drawn or [hv.Curve([], *self._dimensions)])

    def _options(self) -> dict[str, Any]:
        def style_figure(plot: Any, element: Any) -> None:
            tone_down(plot.state, False, False)

        def ticks(name: str) -> list[tuple[float, str]]:
            values = self.data[name].values
            every = -(-len(values) // 12)
            numbered = enumerate(values)
            return [(place, _shown(_plain(value))) for place, value in numbered if place % every == 0]

        across, up = self._dimensions
        return {
            "xticks": ticks(self.across), "yticks": ticks(self.up), "hooks": [style_figure], "responsive": True,
            "height": HEIGHT, "xlabel": across.label, "ylabel": up.label, "legend_position": "top", "title": "",
            "fontsize": SIZES,  # as at first, where a slider draws the axes again
            "xlim": (-0.5, self.data.sizes[self.across] - 0.5),
            "ylim": (-0.5, self.data.sizes[self.up] - 0.5),
        }  # fmt: skip

    def places(self, name: str, values: Any) -> np.ndarray:
        """Return where values of a knob lie on its axis, on which the values that were computed stand evenly."""
        axis_values = self.data[name].values
        if axis_values.dtype.kind not in "if":
            names = [str(value) for value in axis_values]
            return np.array([names.index(str(v)) if str(v) in names else np.nan for v in values], dtype=float)
        order = np.argsort(axis_values)
        ends, wanted = axis_values[order].astype(float), np.asarray(values, dtype=float)
        if ends[0] > 0:
            ends, wanted = np.log(ends), np.log(np.maximum(wanted, 1e-300))
        return np.interp(wanted, ends, order.astype(float), left=np.nan, right=np.nan)

    def _cell(self, x: float | None, y: float | None) -> None:
        if x is None or y is None:
            return
        point = dict(self.at)
        for name, place in ((self.across, x), (self.up, y)):
            values = self.data[name].values
            point[name] = _plain(values[int(np.clip(round(place), 0, len(values) - 1))])
        self._tapped(point)


def averaged(data: xarray.DataArray, across: str, up: str) -> xarray.DataArray:
    """Average over seeds and cases; other knobs stay, as slices. Raises `ConfigError` where no map is left."""
    if across is None or up is None or across == up:
        raise ConfigError("a map is drawn over two knobs that have several values each")
    return data.mean([name for name in ("seed", "case") if name in data.dims and name not in (across, up)])


def _edges(values: np.ndarray) -> np.ndarray:
    """Return the edges of cells that stand evenly, one a value."""
    return np.arange(len(values) + 1) - 0.5


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _shown(value: Any) -> str:
    return number(value) if isinstance(value, float) else str(value)
