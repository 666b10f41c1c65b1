"""How the channels are drawn."""

from __future__ import annotations

from engines.core.protocol.declarations import Plot

PLOTS = (
    Plot(
        name="modes",
        title="Strength of each mode",
        channels=("modes",),
        log_y=False,
        doc="Who learns which singular value when. Each mode ends at its own.",
    ),
    Plot(
        name="half_times",
        title="Half time of each mode, measured and by the law",
        channels=("half_time", "half_time_law"),
        kind="bars",
        doc="Mode 1 has the largest singular value. Rising bars: large modes first; falling: small ones.",
    ),
    Plot(
        name="loss",
        title="Loss",
        channels=("loss",),
        doc="What the method minimises, without noise.",
    ),
    Plot(
        name="map",
        title="What the method makes of the gradient's singular values",
        channels=("gradient_spectrum", "update_spectrum"),
        kind="scatter",
        doc="Gradient descent: a line. Muon: nearly 1 for all that is above about 1/500 of the whole.",
    ),
    Plot(
        name="factors",
        title="Singular values of the first factor, at the cursor",
        channels=("factor_spectrum",),
        kind="bars",
        log_y=False,
        doc="Under decoupled decay Muon's factors stop at 1/decay.",
    ),
    Plot(
        name="share_off",
        title="Share of the product off the modes",
        channels=("share_off",),
        doc="Entrywise methods leave the target's singular directions, unless these are the entries.",
    ),
    Plot(
        name="estimates",
        title="Estimated distance to the minimiser",
        channels=("d_estimate",),
        doc="What methods without a step size learn instead of one.",
    ),
    Plot(
        name="rate",
        title="Step size",
        channels=("rate",),
        doc="With its schedule.",
    ),
)
