"""Overlays at random knobs: a line that is not grey is met by the run as its label says, from first step to last."""

import re

import numpy as np
import pytest

from engines.core.api import simulate
from engines.core.protocol.errors import ConfigError
from engines.core.runs.run import Run
from engines.matrix_sensing.config import MatrixSensing
from engines.matrix_sensing.engine import ENGINE
from engines.matrix_sensing.predictions import broken, predictions

SHAPE = {"n": (2, 40), "r": (1, 5), "k": (1, 14), "m": (1, 300)}
"""Narrower than the knobs allow, for the time it takes; the identity's runs do not depend on n beyond r + k."""


def number(stream, knob):
    """A value within the soft bounds of a knob, or as often within its whole bounds."""
    low, high = SHAPE.get(knob.name) or (knob.bounds if stream.random() < 0.5 else knob.soft)
    if knob.type is int:
        return int(stream.integers(low, min(high, 10**4), endpoint=True))
    if not knob.log:
        return float(stream.uniform(low, high))
    if low == 0 and stream.random() < 0.1:
        return 0.0
    return float(np.exp(stream.uniform(np.log(low or 1e-4), np.log(high))))


def drawn(stream, **fixed):
    """A configuration at random, all of whose values the knobs allow."""
    while True:
        values = {
            name: str(stream.choice(knob.choices)) if knob.choices else number(stream, knob)
            for name, knob in MatrixSensing.knobs().items()
            if name != "spectrum"
        }
        values |= {"spectrum": str(stream.choice(["linear", "geometric", "equal"])), "n2": 0, "lift_at": -1}
        if stream.random() < 0.1:
            values["lift_at"] = int(stream.integers(0, 300))
        if stream.random() < 0.8:
            values["noise"] = 0.0
        values |= fixed
        values["k"] = min(values["k"], values["n"])
        try:
            return MatrixSensing(**values)
        except ConfigError:
            continue


def batch(stream, size, **fixed):
    """Configurations that are computed together."""
    first = drawn(stream, **fixed)
    shape = {name: getattr(first, name) for name in first.names_with_role("shape")}
    return [first, *(drawn(stream, **(fixed | shape)) for _ in range(size - 1))]


def missed(run, member):
    """The lines of a member that are not grey and that its run misses, with how far."""
    found = []
    for line in predictions(run.configs[member], run.steps):
        if line.broken:
            continue
        steps, values = run.curve(line.channel, member)
        foretold = line.values[: len(steps)]
        assert np.isfinite(foretold).all(), line.label
        off = distance(run, member, line, values, foretold)
        lost = line.kind == "law" and "closed form" in line.label and run.diverged_at[member] >= 0
        if not off <= 1 or lost:  # a bound holds until a run diverges, and says nothing of whether it does
            found.append((line.channel, line.label, off, run.configs[member]))
    return found


FLOOR = 1e-11
"""Relative errors below this are rounding, of the run or of the draw, and foretold by nobody."""


def distance(run, member, line, values, foretold):
    """How far the run is from a line, in units of what the label states."""
    config = run.configs[member]
    scale = np.linalg.norm(config.sigma)
    if line.kind == "lower":
        return float((foretold * (1 - 1e-9) / values).max())
    if line.channel == "sharpness":
        return 0.0
    floor = {"error": FLOOR * scale, "relative_error": FLOOR, "loss": (FLOOR * scale) ** 2}[line.channel]
    factor = float(re.search(r"within a factor of ([\d.]+)", line.label)[1])
    return float(np.abs(np.log(np.maximum(values, floor) / np.maximum(foretold, floor))).max() / np.log(factor))


def sweep(seed, batches, size, steps, **fixed):
    """All misses of a sample, and how many configurations had a line of the closed form that is not grey."""
    stream = np.random.default_rng(seed)
    found, predicted = [], 0
    for _ in range(batches):
        run = simulate(Run(ENGINE, batch(stream, size, **fixed)), steps)
        for member, config in enumerate(run.configs):
            found += missed(run, member)
            predicted += config.method in ("gd", "one_step") and config.k >= config.r and broken(config) == ""
    return found, predicted


def test_lines_that_are_not_grey_are_met():
    descents, predicted = sweep(0, 2, 12, 250, operator="identity", method="gd")
    lifts, predicted_lifts = sweep(0, 2, 8, 250, operator="identity", method="one_step")
    assert descents + lifts + sweep(1, 3, 4, 100)[0] == []
    assert predicted >= 6 and predicted_lifts >= 1


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(100, 106))
def test_lines_that_are_not_grey_are_met_in_a_large_sample(seed):
    descents, predicted = sweep(seed, 12, 30, 3000, operator="identity", method="gd")
    lifts, predicted_lifts = sweep(seed, 12, 30, 2000, operator="identity", method="one_step")
    assert descents + lifts + sweep(seed, 12, 6, 600)[0] == []
    assert predicted >= 50 and predicted_lifts >= 10
