"""Plots of the channels."""

from __future__ import annotations

from engines.core.protocol.declarations import Plot
from engines.loss_landscape.channels import B_GRID, POINTS, REASONS
from engines.loss_landscape.dynamics.live_observables import SLICE_OFFSETS

PLOTS = (
    Plot(
        name="accuracy",
        title="Memorised first, understood later",
        channels=("accuracy", "test_accuracy"),
        log_y=False,
        doc="On what is trained, and on what was never seen.",
    ),
    Plot(
        name="effective",
        title="Effective parameters",
        channels=("effective_parameters",),
        log_y=False,
        doc="How many of the parameters a level of the loss can see.",
    ),
    Plot(
        name="slice",
        title="The landscape beside the network, at the cursor",
        channels=("slice",),
        kind="profile",
        log_y=False,
        labels=tuple(f"{float(a):.2g}" for a in SLICE_OFFSETS),
        doc="How the outputs change along one random direction, in lengths of each neuron's weights.",
    ),
    Plot(
        name="points",
        title="Chains or features in a plane, at the cursor",
        channels=("point_x", "point_y"),
        kind="space",
        by="point_class",
        classes=POINTS,
        log_y=False,
        doc="Chains along the steepest direction of the loss and its flattest one, or along its first two parameters; "
        "of a network with features in superposition, where each feature is kept.",
    ),
    Plot(
        name="coefficient",
        title="The learning coefficient, as the chains know it so far",
        channels=("llc",),
        log_y=False,
        doc="Half the number of parameters that the loss sees, by sampling. Dashed: what it must be.",
    ),
    Plot(
        name="reasons",
        title="Free directions, and why they are free",
        channels=("free_directions",),
        kind="bars",
        log_y=False,
        labels=REASONS,
        doc="Zero modes of the Hessian at the centre by reason. What has none is shown as such.",
    ),
    Plot(
        name="eigenvalues",
        title="Eigenvalues of the Hessian",
        channels=("spectrum",),
        kind="scatter",
        doc="At the centre, largest first. Those that are zero up to rounding are the free directions.",
    ),
    Plot(
        name="by_knob",
        title="Zero modes of each member",
        channels=("nullity",),
        kind="sweep",
        log_y=False,
        doc="Directions in which nothing changes, of the Hessian at the centre.",
    ),
    Plot(
        name="estimates",
        title="The coefficient of each member",
        channels=("llc",),
        kind="sweep",
        log_y=False,
        doc="At the cursor. Dashed: what theory says of the same knobs.",
    ),
    Plot(
        name="near",
        title="How free are two neurons that nearly agree?",
        channels=("near_curvature",),
        kind="sweep",
        doc="The curvature along their exchange falls with the cube of the angle between them.",
    ),
    Plot(
        name="loss",
        title="Loss",
        channels=("loss", "test_loss"),
        doc="On what is trained, and on what was never seen.",
    ),
    Plot(
        name="excess",
        title="How far above their centre the chains are",
        channels=("loss",),
        doc="Mean loss of the chains, less that of their centre.",
    ),
    Plot(
        name="curve",
        title="Effective parameters at every level, at the cursor",
        channels=("soft_count",),
        kind="profile",
        log_y=False,
        labels=tuple(f"{b:.0e}".replace("e+0", "e") for b in B_GRID),
        doc="Towards the right what an ever finer level of the loss sees, in the end the rank.",
    ),
    Plot(
        name="fourier",
        title="Frequencies by which it knows the summands, at the cursor",
        channels=("fourier",),
        kind="bars",
        log_y=False,
        doc="Share of the power of each frequency in the table of summands. Who adds uses few.",
    ),
    Plot(
        name="ranks",
        title="Ranks of each layer, at the cursor",
        channels=("rank_activations", "rank_gradients"),
        kind="bars",
        log_y=False,
        doc="Of what a layer sees and of what is seen of it: parameters beyond their product are free.",
    ),
    Plot(
        name="blocks",
        title="Blocks of synchronised neurons",
        channels=("synchronised_blocks",),
        kind="bars",
        log_y=False,
        doc="Of each hidden layer. Neurons of one block fire on the same samples and can be exchanged freely.",
    ),
    Plot(
        name="norm",
        title="Norm of the weights",
        channels=("weight_norm",),
        doc="It grows while a network memorises and falls when the decay finds a smaller one that generalises.",
    ),
    Plot(
        name="distance",
        title="How far the chains have come",
        channels=("distance",),
        doc="From the centre of the window, whose free directions they fill.",
    ),
    Plot(
        name="acceptance",
        title="Steps that MALA accepted",
        channels=("acceptance",),
        log_y=False,
        doc="Near 1 even where plain Langevin steps are far off: it is no proof.",
    ),
)
