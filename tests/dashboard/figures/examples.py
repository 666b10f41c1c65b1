"""What pictures of one step are tested with: a recorded run that nothing computed, and an engine with theory."""

from dashboard.figures.marks.figure import FigureOptions
from dashboard.session.curves import curves
from engines.core.protocol.declarations import Channel, Plot, Prediction
from engines.core.runs.run import Run
from tests.core.toy import Toy, ToyEngine


class Theorist(ToyEngine):
    """The toy with a law that holds where `a` is below 5, and with classes."""

    channels = (*ToyEngine.channels, Channel(name="kind", label="kind", doc="class", dims=("i",)))
    requested = 0

    def theory(self, config, steps):
        Theorist.requested += 1
        values = config.a * (1.0 + steps) + config.seed
        broken = "a is too large" if config.a >= 5 else ""
        bound = Prediction(channel="loss", label="bound", values=values * 0, reference="none", kind="lower")
        return [bound, Prediction(channel="loss", label="law", values=values, reference="none", broken=broken)]


ENGINE = Theorist()


def members(**axes):
    """The product of some knobs' values."""
    found = [{}]
    for name, values in axes.items():
        found = [{**one, name: value} for one in found for value in values]
    return [Toy(**one) for one in found]


def recorded(configs, steps=(0,), **blocks):
    """A run of which each step recorded the same `[B, *dims]`."""
    run = Run(ENGINE, configs)
    for step in steps:
        run.recording.dense.append(step, blocks)
    return run


def picture(kind, run, plot, *, log_y=True, focus=0, step=0, picked=lambda member: None):
    """A mark that shows a run."""
    plot = Plot(**{"name": "p", "title": "p", "doc": "p", **plot})
    mark = kind(plot, ENGINE, FigureOptions(False, log_y), picked)
    show(mark, run, focus, step)
    return mark


def show(mark, run, focus=0, step=0):
    mark.update(run, step, 100, curves(run.configs, True, [focus]), focus)
