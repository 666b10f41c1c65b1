"""How the channels are drawn."""

from __future__ import annotations

from engines.core.engine import Plot
from engines.neural_collapse.pictures import CLASSES

PLOTS = (
    Plot(
        name="cloud",
        title="The samples, and the frame that they fall onto",
        channels=("point_x", "point_y"),
        kind="space",
        by="point_class",
        classes=CLASSES,
        guide="frame",
        log_y=False,
        doc="Each class contracts to a point, and the points spread evenly. Seen along the diagonal of the frame.",
    ),
    Plot(
        name="collapse",
        title="Spread within the classes against that between them",
        channels=("nc1_trace",),
        doc="The trace ratio. Near collapse and late in a run its slope is known.",
    ),
    Plot(
        name="space",
        title="The same in space",
        channels=("point_x", "point_y", "point_z"),
        kind="space",
        by="point_class",
        classes=CLASSES,
        guide="frame",
        log_y=False,
        doc="Upright is the diagonal of the frame: an orthogonal frame stands on it, a simplex lies flat.",
    ),
    Plot(
        name="nc1",
        title="NC1 by the pseudo-inverse",
        channels=("nc1",),
        doc="Spread within the classes against that between them, direction by direction.",
    ),
    Plot(
        name="ratios",
        title="Two conventions of NC1, against the start",
        channels=("nc1_trace_ratio", "nc1_ratio"),
        doc="The trace ratio never rises along the flow. The pseudo-inverse may: weak directions count most in it.",
    ),
    Plot(
        name="survival",
        title="What is left of a perturbation, measured and predicted",
        channels=("survival", "survival_theory"),
        kind="bars",
        log_y=False,
        labels=("spread in span", "spread out of it", "frame's shape", "turned in span", "turned out", "global mean"),
        doc="Of spread within the classes, and of errors of their means. What turns the frame survives.",
    ),
    Plot(
        name="frame",
        title="Distance of the class means to a frame",
        channels=("nc2_etf", "nc2_of"),
        doc="Centred means to a simplex, means as they are to an orthogonal frame.",
    ),
    Plot(
        name="angles",
        title="Angles between class means, at the cursor",
        channels=("cosines", "cosines_frame"),
        kind="heatmap",
        log_y=False,
        doc="Of the centred means, beside those of a simplex.",
    ),
    Plot(
        name="duality",
        title="Classifier against class means, in three conventions",
        channels=("nc3_uncentred", "nc3_product", "nc3"),
        doc="Centred and squared, the convention of the first code, an orthogonal frame does not give 0.",
    ),
    Plot(
        name="traces",
        title="Spread, with the decay divided out",
        channels=("trace_within_scaled", "trace_between_scaled"),
        doc="Along the flow one never rises and the other never falls.",
    ),
    Plot(
        name="loss",
        title="Loss",
        channels=("loss", "objective"),
        doc="Its least value is known in closed form.",
    ),
    Plot(
        name="accuracy",
        title="Accuracy, and samples off the nearest mean",
        channels=("accuracy", "accuracy_test", "nc4"),
        log_y=False,
        doc="The classifier ends up choosing the class of the nearest mean.",
    ),
    Plot(
        name="layers",
        title="NC1 of each layer, at the cursor",
        channels=("layer_nc1",),
        kind="profile",
        labels=("input", *map(str, range(1, 33))),
        doc="The input, then each hidden layer. A straight line is one factor a layer.",
    ),
    Plot(
        name="separation",
        title="NC1 of each layer",
        channels=("layer_nc1",),
        doc="Of a network: its input, then each hidden layer; they part as it is trained.",
    ),
    Plot(
        name="sweep",
        title="Trace ratio against the start's, of every member at the cursor",
        channels=("nc1_trace_ratio",),
        kind="sweep",
        doc="Each dot is one member now.",
    ),
    Plot(
        name="sweep_nc1",
        title="NC1 against the start's, of every member at the cursor",
        channels=("nc1_ratio",),
        kind="sweep",
        doc="By the pseudo-inverse. Each dot is one member now.",
    ),
    Plot(
        name="response",
        title="Error of the first-order response, of every member at the cursor",
        channels=("response_error",),
        kind="sweep",
        doc="Proportional to the perturbation: a straight line of slope 1.",
    ),
)
