"""Verdicts on presets of planted networks: how many free directions there are, and why."""

from __future__ import annotations

from functools import partial
from math import cos, pi, sin

import numpy as np

from engines.core.analysis.curve_fits import slope
from engines.core.analysis.verdict_helpers import above, below, by_seed, log10, per_member, ratio, verdict
from engines.core.protocol.declarations import Verdict
from engines.core.protocol.engine import RunData
from engines.loss_landscape.config import LossLandscape
from engines.loss_landscape.degeneracy.closed_form import one_hidden_layer
from engines.loss_landscape.degeneracy.count import count
from engines.loss_landscape.degeneracy.jacobian import layer_passes
from engines.loss_landscape.degeneracy.synchronised_neurons import blocks
from engines.loss_landscape.models.factory import planted_network
from engines.loss_landscape.verdicts.probed import probe_values, results

ROWS = {"none": 6, "activations": 18, "duplicate": 9, "dead": 14, "gradients": 11, "parallel": 13}
"""Zero modes of the generic 5-6-3 network and of its variants."""

STAIRCASE = {("gates", 1): 30, ("gates", 2): 19, ("gates", 3): 14, ("gates", 4): 14, ("gates", 5): 14,
             ("always_on", 1): 36, ("always_on", 3): 22, ("always_on", 4): 22}  # fmt: skip

BEYOND = {1: 1, 2: 2, 3: 2, 4: 1}
"""Zero modes that nested gates have beyond independent ones, by outputs."""


def last_value(run: RunData, channel: str, member: int) -> float | None:
    """The value of a thin channel of one member; None before there is one."""
    return float(run[channel][-1, member]) if len(run.recording.series(channel)) else None


def all_explained(run: RunData) -> list[Verdict]:
    """Judge L1: all zero modes are explained."""
    exact = [
        verdict(f"{_called(name)}: zero modes", per_member(run, partial(last_value, run, "nullity"), planted=name),
                modes, 0.5)
        for name, modes in ROWS.items()
    ]  # fmt: skip
    return [*exact, explained(run)]


def _called(plan: str) -> str:
    """Name what is planted as readers know it."""
    return LossLandscape.knob("planted").labels[plan]


def explained(run: RunData) -> Verdict:
    """Verdict that no zero mode is left without a reason."""
    left = [_difference(run, i) for i in range(len(run.configs))]
    return below("zero modes without a reason", left, 0.5)


def _difference(run: RunData, member: int) -> float | None:
    whole, part = last_value(run, "nullity", member), last_value(run, "explained", member)
    return None if whole is None or part is None else whole - part


def staircase(run: RunData) -> list[Verdict]:
    """Judge L2: a step for each block, as outputs are added."""
    steps = [
        verdict(f"{_called(plan)}, k = {k}: zero modes", per_member(run, partial(last_value, run, "nullity"),
                planted=plan, outputs=k), modes, 0.5)
        for (plan, k), modes in STAIRCASE.items()
    ]  # fmt: skip
    return [*steps, explained(run)]


def all_types(run: RunData) -> list[Verdict]:
    """Judge L3: three types, one inside the other; the sum of the three counts is too large."""
    members = range(len(run.configs))
    laws = [independent(config) for config in run.configs]
    left = [None if sees is None else sees["parameters"] - sees["n_effective"] for sees in results(run, "hessian")]
    unseen = [ratio(value, law) for value, law in zip(left, laws, strict=True)]
    counted = [ratio(value, law) for value, law in zip(probe_values(run, "degeneracy", "nullity"), laws, strict=True)]
    return [
        verdict("zero modes over the closed form", counted, 1.0, 0.01),
        verdict("parameters that b = 10¹² does not see, over the closed form", unseen, 1.0, 0.02),
        explained(run),
        verdict("naive sum of the three counts too large by", [_naive(run, i) for i in members], 8, 0.5),
    ]


def independent(config: LossLandscape) -> int:
    """Zero modes of the planted network with one hidden layer if its gates are independent."""
    one = planted_network(config)
    passes = layer_passes(one.net, one.theta, one.X)
    return int(one_hidden_layer(one.net, one.theta, passes, blocks(passes.gates[0])))


def _naive(run: RunData, member: int) -> float | None:
    """Types 1 and 2 counted one by one, and every pair of synchronised neurons, less the zero modes."""
    whole = last_value(run, "nullity", member)
    if whole is None:
        return None
    one = planted_network(run.configs[member])
    counted = count(one.net, one.theta, one.X)
    pairs = sum(int((block.live).sum()) + int(block.on.sum()) for block in counted.blocks)
    return float(counted.N1.sum() + counted.N2.sum() + pairs) - whole


def nested_gates(run: RunData) -> list[Verdict]:
    """Judge L4: gates that depend on one another have more zero modes, and depth has some without a reason."""
    more = [
        verdict(f"nested, k = {k}: zero modes beyond independent gates", per_member(run, partial(_beyond, run),
                planted="nested", outputs=k), beyond, 0.2)
        for k, beyond in BEYOND.items()
    ]  # fmt: skip
    deep = [_difference(run, i) for i in run.where(planted="gates", depth=2)]
    return [*more, above("gates below a generic layer: unexplained", deep, 4.5)]


def _beyond(run: RunData, member: int) -> float | None:
    whole = last_value(run, "nullity", member)
    return None if whole is None else whole - independent(run.configs[member])


def nearly_synchronised(run: RunData) -> list[Verdict]:
    """Judge L5: almost synchronised is almost free, by a law in the angle that the draw's own weights make."""
    angles = sorted({config.angle for config in run.configs} - {0.0})
    sizes = [
        verdict(f"angle {angle:g}: log₁₀ of the curvature over its law", per_member(run, partial(_over_law, run),
                angle=angle), 0.0, 0.2)
        for angle in angles
    ]  # fmt: skip
    exact = per_member(run, lambda i: log10(last_value(run, "near_curvature", i)), angle=0.0)
    return [
        below("angle 0: log₁₀ of the curvature", exact, -20),
        *sizes,
        verdict("power of the angle", [_power(run, group) for group in by_seed(run)], 3.0, 0.15),
    ]


def _over_law(run: RunData, member: int) -> float | None:
    curvature = last_value(run, "near_curvature", member)
    return None if curvature is None else log10(curvature / exchange_curvature(run.configs[member]))


def exchange_curvature(config: LossLandscape) -> float:
    """Curvature of the exchange of neurons 0 and 1, `q = ‖w‖²‖v‖² (φ - sin φ cos φ)/π/(‖w‖² + ‖v‖²)`, inputs N(0, I).

    About `2 φ³/3π` times the weights. The exchange moves the outputs by `v (g_0 - g_1) w·x`, w the in-weights of 1 and
    v the out-weights of 0; their gates differ on two wedges of the angle φ beside the line `w·x = 0`.
    """
    one = planted_network(config)
    W, V = one.net.split(one.theta)
    w, v, phi = float(W[1].square().sum()), float(V[:, 0].square().sum()), config.angle
    return w * v / (w + v) * (phi - sin(phi) * cos(phi)) / pi


def _power(run: RunData, members: list[int]) -> float | None:
    """Slope of the logarithms of curvature and angle, of the members of one seed."""
    curvatures = [(run.configs[i].angle, last_value(run, "near_curvature", i)) for i in members]
    points = [(angle, q) for angle, q in curvatures if angle > 0 and q]
    return slope(*np.log10(np.array(points)).T, fewest=3) if points else None
