"""How the channels are drawn."""

from __future__ import annotations

from engines.core.protocol.declarations import Plot

CLASSES = ("clean", "outlier")

PLOTS = (
    Plot(
        name="error",
        title="Distance to the unknown matrix",
        channels=("relative_error",),
        doc="Flat while the signal grows, a drop when it is learned, then as small as the steps are.",
    ),
    Plot(
        name="ranking",
        title="Who is closest to the unknown matrix",
        channels=("relative_error",),
        kind="ranking",
        doc="One bar a curve, the closest first, at the cursor.",
    ),
    Plot(
        name="matrices",
        title="Recovered and true matrix, at the cursor",
        channels=("recovered", "truth"),
        kind="heatmap",
        log_y=False,
        doc="Recovered where both sides are the same picture.",
    ),
    Plot(
        name="residuals",
        title="Residual of each measurement, at the cursor",
        channels=("residuals",),
        kind="scatter",
        symlog=1e-3,
        by="corrupted",
        classes=CLASSES,
        doc="A right answer fits every clean measurement exactly and leaves the outliers as wrong as they are.",
    ),
    Plot(
        name="data",
        title="The measurements",
        channels=("data",),
        kind="scatter",
        symlog=1.0,
        by="corrupted",
        classes=CLASSES,
        doc="What the method is given; it does not know which ones are outliers.",
    ),
    Plot(
        name="path",
        title="Loss against error",
        channels=("loss_gap",),
        x="relative_error",
        log_x=True,
        symlog=1e-6,
        doc="Below zero the loss is lower than at the truth: a better fit and a worse answer.",
    ),
    Plot(
        name="gap",
        title="Loss above that of the truth",
        channels=("loss_gap",),
        symlog=1e-6,
        doc="The truth is at zero, and is no minimum.",
    ),
    Plot(
        name="signal",
        title="What is learned, and what should not be",
        channels=("signal_min", "residual_norm"),
        doc="The signal must reach 1 before the residual has grown.",
    ),
    Plot(
        name="spectrum",
        title="Learned eigenvalues",
        channels=("signal_eigenvalues",),
        doc="A staircase: large eigenvalues are learned first.",
    ),
    Plot(
        name="eigenvalues",
        title="Eigenvalues of the iterate, at the cursor",
        channels=("eigenvalues",),
        kind="bars",
        doc="The first r are the signal; the rest is over-parameterisation.",
    ),
    Plot(
        name="split",
        title="Where the error is",
        channels=("signal_error", "cross_error", "residual_error"),
        doc="At the floor, the residual part is all that is left.",
    ),
    Plot(
        name="steps",
        title="Steps",
        channels=("normalised_step", "direction_norm"),
        doc="The error cannot become smaller than the steps are.",
    ),
    Plot(
        name="pull",
        title="Pull of the sub-gradient towards the truth",
        channels=("phi",),
        log_y=False,
        doc="At the formula: the mean over infinitely many measurements.",
    ),
    Plot(
        name="deviation",
        title="How far the sub-gradient is from pointing home",
        channels=("deviation",),
        doc="Below 1 it points home in every direction of rank one; noise blurs it to w/φ.",
    ),
    Plot(
        name="sweep",
        title="Outcome of every member, at the cursor",
        channels=("relative_error",),
        kind="sweep",
        doc="Each dot is one member's error now.",
    ),
    Plot(
        name="map",
        title="Map of two knobs, at the cursor",
        channels=("relative_error",),
        kind="map",
        doc="Each cell is one pair of values, in the median over all members that have them.",
    ),
)
