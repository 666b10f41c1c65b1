"""How the channels are drawn."""

from __future__ import annotations

from engines.core.protocol.declarations import Plot

PLOTS = (
    Plot(
        name="error",
        title="Distance to the unknown matrix",
        channels=("relative_error",),
        doc="Straight on semilog axes: linear convergence. Bending: slower than any exponential.",
    ),
    Plot(
        name="loss",
        title="Training loss",
        channels=("loss",),
        doc="What the method sees. A slope of −2 on log-log axes is the 1/T² law.",
    ),
    Plot(
        name="ranking",
        title="Who is closest to the unknown matrix",
        channels=("relative_error",),
        kind="ranking",
        doc="One bar a curve, the closest first, at the cursor.",
    ),
    Plot(
        name="split",
        title="Where the error is",
        channels=("error_signal", "error_cross", "error_noise"),
        doc="After the signal is fitted, the idle part is all that is left.",
    ),
    Plot(
        name="idle",
        title="Idle directions of the factors",
        channels=("noise_left", "noise_right"),
        doc="Under imbalance, F keeps its size and pulls G to zero.",
    ),
    Plot(
        name="spectrum",
        title="Singular values of the iterate",
        channels=("singular_values",),
        doc="A staircase: large singular values are learned first.",
    ),
    Plot(
        name="imbalance",
        title="Imbalance at the cursor",
        channels=("imbalance_spectrum",),
        kind="bars",
        log_y=False,
        doc="All positive: every idle direction is pulled to zero. Around zero: none is.",
    ),
    Plot(
        name="iterate",
        title="Iterate at the cursor, in the basis of the truth",
        channels=("iterate",),
        kind="heatmap",
        log_y=False,
        doc="Top left: the signal. The rest must fade.",
    ),
    Plot(
        name="map",
        title="Map of two knobs, at the cursor",
        channels=("relative_error",),
        kind="map",
        doc="Each cell is one pair of values, in the median over all members that have them.",
    ),
)
