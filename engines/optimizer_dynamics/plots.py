"""How the channels are drawn."""

from __future__ import annotations

from engines.core.protocol.declarations import Plot

PLOTS = (
    Plot(
        name="modes",
        title="Strength of each mode",
        channels=("modes",),
        beside=True,
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
        name="risk",
        title="Excess risk",
        channels=("risk",),
        doc="Expected loss on new samples above the least: exact, or sampled with the exact mean dashed.",
    ),
    Plot(
        name="risk_sweep",
        title="Excess risk over the step size, of every member at the cursor",
        channels=("risk",),
        kind="sweep",
        doc="A U: too small is too slow, too large too noisy.",
    ),
    Plot(
        name="risk_modes",
        title="Excess risk of each direction, at the cursor",
        channels=("risk_modes",),
        kind="profile",
        doc="From the steepest direction to the flattest: noise on the left, what is not learned yet on the right.",
    ),
    Plot(
        name="edge",
        title="Sharpness over its threshold",
        channels=("edge_ratio",),
        log_y=False,
        doc="It rises to 1 and stays there, or lands below.",
    ),
    Plot(
        name="sharpness",
        title="Sharpness",
        channels=("sharpness",),
        log_y=False,
        doc="In the metric of the method, with the threshold dashed.",
    ),
    Plot(
        name="oscillation",
        title="Oscillation",
        channels=("oscillation",),
        doc="Beyond the edge the iterates hop from side to side, in bursts.",
    ),
    Plot(
        name="catapult",
        title="Residual against squared length",
        channels=("residual",),
        x="length",
        log_y=False,
        doc="A catapult: up over the wall, and down where it is flat.",
    ),
    Plot(
        name="train_loss",
        title="Training loss of all images",
        channels=("train_loss",),
        doc="What a race is about, on the way. It counts at the horizon.",
    ),
    Plot(
        name="score",
        title="Training loss at the horizon, over the step size",
        channels=("score",),
        kind="sweep",
        doc="A U for each method and budget; its lowest point is the tuned run.",
    ),
    Plot(
        name="test_error",
        title="Share of test images that are misread",
        channels=("test_error",),
        log_y=False,
        doc="Of 297 images that were not trained on.",
    ),
    Plot(
        name="estimates",
        title="Estimated distance to the minimiser",
        channels=("d_estimate",),
        doc="What methods without a step size learn instead of one.",
    ),
    Plot(
        name="distance",
        title="Distance from the start",
        channels=("distance",),
        doc="How far the point that counts has come.",
    ),
    Plot(
        name="rate",
        title="Step size",
        channels=("rate",),
        doc="With its schedule.",
    ),
)
