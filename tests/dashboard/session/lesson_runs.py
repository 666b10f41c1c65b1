"""The runs of the shipped lessons' pages, and questions about them."""

from functools import cache
from math import isclose

import numpy as np

import engines
from dashboard.session import lessons
from engines.core.api import simulate
from engines.core.runs.run import Run

FASTER = {
    ("imbalance_is_fuel", 0): 2000,
    ("why_directions_are_free", 0): 2,
    ("why_directions_are_free", 1): 2,
    ("why_directions_are_free", 2): 2,
    ("why_directions_are_free", 3): 2,
}
"""Where fewer steps tell the same."""


@cache
def experiment(name, index, solved=False):
    lesson = lessons.load(name)
    found = lesson.experiment(engines.load(lesson.lab), index)
    return found.override(lesson.steps[index].goal.solution) if solved else found


@cache
def ended(name, index, solved=False):
    found = experiment(name, index, solved)
    steps = found.steps if solved else FASTER.get((name, index), found.steps)
    return simulate(Run(found.engine, found.configs(), preset=found.preset), steps)


def at(run, channel, step):
    return run[channel][run.recording.dense.index_at(step)]


def near(value, said):
    """Whether a value is what a text says, to the digits that it says."""
    text = said.replace(",", "")
    digits = len(text.split("e")[0].replace(".", "").lstrip("0"))
    return isclose(float(value), float(text), rel_tol=0.6 * 10 ** (1 - digits))


def first(run, channel, member, done):
    """The first step at which a channel is so."""
    return run.steps[np.argmax(done(run[channel][:, member]))]


def all_of(values, *said):
    """Whether these are the values, however many members share one."""
    return sorted({float(v) for v in values}) == sorted(float(s) for s in said)


def solved(name, index):
    return ended(name, index, solved=True)


def rates(run, low=1e-10):
    """The rate of each member on the straight part of its curve; NaN for one that never comes so low."""
    parts = [(error < 1e-5) & (error > low) for error in run["relative_error"].T]
    return [
        -np.polyfit(run.steps[part], np.log(error[part]), 1)[0] if part.sum() > 1 else np.nan
        for part, error in zip(parts, run["relative_error"].T, strict=True)
    ]


def halves(run):
    """The step at which half of each eigenvalue is learned."""
    learned = run["signal_eigenvalues"][:, 0]
    return [int(run.steps[np.argmax(learned[:, j] > learned[-1, j] / 2)]) for j in range(3)]
