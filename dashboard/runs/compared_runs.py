"""Drawings that compare stored runs, by HoloViews on xarray and pandas: curves, differences, members side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import holoviews as hv
import holoviews.plotting.bokeh
import numpy as np
import xarray
from holoviews.streams import Params

from dashboard.figures.marks.figure import SIZES, in_lines, tone_down
from dashboard.figures.tables import even_places
from dashboard.ui.formatting import number
from dashboard.ui.palette import GREY, qualitative
from engines.core.protocol.config import varied

if TYPE_CHECKING:
    from engines.core.runs.run import Run

HEIGHT = 330

MOST_POINTS = 600
"""Points of a curve that are drawn."""

MOST_MEMBERS = 2000
"""Members that are drawn side by side."""

MOST_AXES = 10
"""Axes of a picture of members side by side."""


class TitledRun(NamedTuple):
    """A stored run with the name that its curves have."""

    title: str
    run: Run


def bands(run: Run, channel: str) -> xarray.Dataset:
    """Collapse seeds: `middle`, `low` and `high` of a channel over `curve` and `step`.

    A curve is of the members that differ in their seed alone: their median, and the least and largest.
    """
    knobs = [name for name in varied(run.initial_configs) if name != "seed"]
    groups: dict[str, list[int]] = {}
    for member, config in enumerate(run.initial_configs):
        label = ", ".join(f"{name}={_short(getattr(config, name))}" for name in knobs)
        groups.setdefault(label, []).append(member)
    rows = even_places(len(run.steps), MOST_POINTS)
    values = [run[channel][rows][:, members] for members in groups.values()]
    with np.errstate(all="ignore"), _quiet():
        statistics = {"middle": np.nanmedian, "low": np.nanmin, "high": np.nanmax}
        data = {name: (("curve", "step"), [find(each, axis=1) for each in values]) for name, find in statistics.items()}
    return xarray.Dataset(data, {"curve": list(groups), "step": run.steps[rows].astype(float)})


def _quiet() -> Any:
    import warnings

    return warnings.catch_warnings(action="ignore", category=RuntimeWarning)  # where all members have diverged


def _short(value: Any) -> str:
    return number(value) if isinstance(value, float) else str(value)


def channels(runs: Sequence[TitledRun]) -> list[str]:
    """Name the channels that are one number a step and that all runs have."""
    names = [[c.name for c in each.run.engine.channels if not c.dims and not c.thin] for each in runs]
    return [name for name in names[0] if all(name in others for others in names)] if names else []


def logarithmic(runs: Sequence[TitledRun], channel: str) -> bool:
    """Whether the first lab draws a channel on a logarithmic axis."""
    plots = [plot for plot in runs[0].run.engine.plots if channel in plot.channels]
    return bool(plots and plots[0].log_y and not plots[0].symlog)


def draw_curves(runs: Sequence[TitledRun], channel: str) -> Any:
    """Draw a channel of all runs: a hue a curve, seeds as a band."""
    log = logarithmic(runs, channel)
    drawn: list[Any] = []
    for hue, (label, curve) in enumerate(_labelled(runs, channel)):
        color = qualitative(hue)
        shown = curve.where(curve > 0) if log else curve
        if float(np.abs(curve["high"] - curve["low"]).max()) > 0:
            area = hv.Area(shown, "step", ["low", "high"], label=label)
            drawn.append(area.opts(color=color, alpha=0.18, line_alpha=0))
        drawn.append(hv.Curve(shown, "step", "middle", label=label).opts(color=color, line_width=2))
    label = runs[0].run.engine.channel(channel).label
    return _framed(hv.Overlay(drawn), "step", label, log)


def differences(runs: Sequence[TitledRun], channel: str) -> Any:
    """Draw each curve against the first: their ratio on a logarithmic channel, else the difference."""
    log, all_curves = logarithmic(runs, channel), list(_labelled(runs, channel))
    (first, base), *others = all_curves
    sign, drawn = ("/" if log else "−"), []
    for hue, (label, curve) in enumerate(others, 1):
        before, now = xarray.align(base["middle"], curve["middle"], join="inner")
        apart = (now / before if log else now - before).rename("apart")
        drawn.append(hv.Curve(apart.to_dataset(), "step", "apart", label=label).opts(color=qualitative(hue)))
    level = hv.HLine(1.0 if log else 0.0).opts(color=GREY, line_dash="dashed", line_width=1)
    name = runs[0].run.engine.channel(channel).label
    return _framed(hv.Overlay([level, *drawn]), "step", f"{name}: each {sign} {first}", log)


def _labelled(runs: Sequence[TitledRun], channel: str) -> Iterator[tuple[str, xarray.Dataset]]:
    for each in runs:
        table = bands(each.run, channel)
        for place, text in enumerate(table["curve"].values):
            yield " · ".join(filter(None, (each.title, str(text)))), table.isel(curve=place)


def _framed(overlay: Any, x: str, y: str, log_y: bool) -> Any:
    def style_figure(plot: Any, element: Any) -> None:
        tone_down(plot.state, False, log_y)

    options = {"xlabel": x, "ylabel": y, "logy": log_y, "hooks": [style_figure], "responsive": True, "height": HEIGHT}
    return overlay.opts(
        **options, fontsize=SIZES, show_grid=True, legend_position="top", legend_cols=3, legend_limit=40
    )


# -- members side by side ---------------------------------------------------------------------------------------


def axes(members: Any) -> list[str]:
    """Name the columns of numbers in which members differ: knobs first, then what they ended with."""
    numbers = members.select_dtypes("number").drop(columns=["member", "diverged_at"], errors="ignore")
    return [name for name in numbers if numbers[name].nunique() > 1]


class MemberFigures:
    """Members as points and as lines over several axes: a hue a run. Points that are brushed are lit as lines, too."""

    def __init__(self, members: Any, x: str, y: str, names: Mapping[str, str] | None = None) -> None:
        """Draw a table of members over two of its columns; `names` are what readers call them."""
        self.table: Any = members.iloc[even_places(len(members), MOST_MEMBERS)].reset_index(drop=True)
        self.axes = list(dict.fromkeys([x, y, *axes(self.table)]))[:MOST_AXES]
        self._names = dict(names or {})
        self.links: Any = hv.selection.link_selections.instance(unselected_color=GREY, unselected_alpha=0.25)
        runs = list(self.table["run"].unique()) if "run" in self.table else []
        self.hues = {run: qualitative(hue) for hue, run in enumerate(runs)}
        """The colour of each run."""
        columns = [name for name in ("run", "member", *self.axes[2:]) if name in self.table]
        color = {"color": "run", "cmap": self.hues, "legend_position": "top"} if runs else {"color": qualitative(0)}
        self.points: Any = hv.Points(self.table, self._dimensions([x, y]), self._dimensions(columns)).opts(
            tools=["box_select", "lasso_select", "hover"], size=7, **color
        )
        chosen = Params(self.links, ["selection_expr"])
        self.lines = hv.DynamicMap(self.draw_lines, streams=[chosen])

    def _dimensions(self, columns: Sequence[str]) -> list[hv.Dimension]:
        return [hv.Dimension(name, label=self._names.get(name, name)) for name in columns]

    def layout(self) -> tuple[Any, Any]:
        """Return both pictures."""
        points = self.links(self.points.opts(**_plain(self.table, *self.axes[:2])))
        return points, self.lines

    @property
    def selected(self) -> np.ndarray:
        """Which members are brushed, `[rows]`; all where nothing is."""
        expression = self.links.selection_expr
        everyone = np.ones(len(self.table), dtype=bool)
        return everyone if expression is None else np.asarray(expression.apply(hv.Dataset(self.table)), dtype=bool)

    def draw_lines(self, selection_expr: Any) -> Any:
        """Draw each member as a line down all axes, which lie below one another; those that are chosen are lit."""
        lit, places = self.selected, np.arange(len(self.axes))
        across = np.column_stack([self._place(name, self.table[name]) for name in self.axes])
        paths = [np.column_stack([row, places]) for row in across]
        runs = self.table["run"] if self.hues else [None] * len(paths)
        shades = [(GREY, 0.12, ~lit)] + [
            (color, 0.55, lit & np.array([each == run for each in runs], dtype=bool))
            for run, color in (self.hues or {None: qualitative(0)}).items()
        ]
        drawn: list[Any] = [
            hv.Path([path for path, on in zip(paths, shown, strict=True) if on]).opts(
                color=color, alpha=alpha, line_width=1.2
            )
            for color, alpha, shown in shades
        ]
        return hv.Overlay(drawn).opts(**self._options())

    def _place(self, name: str, values: Any) -> np.ndarray:
        """Return where values stand on the axis of a column, from 0 to 1; logarithmic where they span decades."""
        low, high = self._ends(name)
        numbers = np.asarray(values, dtype=float)
        if self._log(name):
            low, high, numbers = np.log(low), np.log(high), np.log(numbers)
        return (numbers - low) / (high - low)

    def _ends(self, name: str) -> tuple[float, float]:
        column = self.table[name].replace([np.inf, -np.inf], np.nan)
        return float(column.min()), float(column.max())

    def _log(self, name: str) -> bool:
        return spans_decades(self.table[name])

    def _options(self) -> dict[str, Any]:
        def style_figure(plot: Any, element: Any) -> None:
            tone_down(plot.state, False, False)
            plot.state.xaxis.visible = False

        ticks = [(place, self._label(name)) for place, name in enumerate(self.axes)]
        return {
            "yticks": ticks, "xlabel": "", "ylabel": "", "hooks": [style_figure], "responsive": True,
            "height": 40 * len(self.axes) + 20, "show_legend": False, "fontsize": SIZES,
            "xlim": (-0.05, 1.05), "ylim": (-0.5, len(self.axes) - 0.5), "invert_yaxis": True, "show_grid": True,
        }  # fmt: skip

    def _label(self, name: str) -> str:
        low, high = self._ends(name)
        return f"{in_lines(self._names.get(name, name), 22)}\n{number(low)} … {number(high)}"


def spans_decades(column: Any) -> bool:
    """Whether numbers are above 0 and span more than a decade and a half."""
    finite = column.replace([np.inf, -np.inf], np.nan).dropna()
    return bool(len(finite) and finite.min() > 0 and finite.max() / finite.min() > 30)


def _plain(table: Any, x: str, y: str) -> dict[str, Any]:
    log_x, log_y = spans_decades(table[x]), spans_decades(table[y])

    def style_figure(plot: Any, element: Any) -> None:
        tone_down(plot.state, log_x, log_y)

    return {"logx": log_x, "logy": log_y, "hooks": [style_figure], "responsive": True, "height": HEIGHT,
            "fontsize": SIZES, "show_grid": True, "active_tools": ["box_select"]}  # fmt: skip
