"""An engine whose dynamics a configuration chooses is, for each choice, the engine that has these dynamics alone."""

import numpy as np
import pytest

from engines.core.api import simulate
from engines.core.protocol.composite import CompositeEngine, Dynamics
from engines.core.protocol.declarations import Phase, Story
from engines.core.runs.run import Run
from tests.core.toy import ENGINE, Toy, ToyEngine


def dynamics(**more):
    """Those of the toy engine."""
    names = ("problem", "init", "step", "observe", "snapshot")
    return Dynamics(**{name: getattr(ENGINE, name) for name in names} | more)


def halted(problem, state, knobs):
    return state._replace(t=state.t + 1)


DESCENT = dynamics(
    capturable=lambda problem: True, nbytes=lambda configs: 7 * len(configs), stability=lambda config: "η below 2/a",
    caution=lambda config: f"a = {config.a:g}", phases=lambda run, member: [Phase(step=0, label="descent")],
    story=lambda run, member: Story(formula="x", text="descends", reference="none"),
)  # fmt: skip
REST = dynamics(step=halted)


class Composite(CompositeEngine):
    """Descends in three dimensions and rests in all others."""

    name, title, summary = "composite", "Composite", "Two toys"
    references, Config, opening = ("none",), Toy, "first"
    channels, plots = ToyEngine.channels, ToyEngine.plots
    presets = ()

    def choose(self, config):
        return DESCENT if config.d == 3 else REST


def ran(engine, *configs):
    return simulate(Run(engine, configs), 50)


def test_each_choice_is_the_engine_with_these_dynamics_alone():
    configs = [Toy(seed=seed) for seed in range(3)]
    found, alone = ran(Composite(), *configs), ran(ENGINE, *configs)
    for channel in ENGINE.channels:
        np.testing.assert_array_equal(found[channel.name], alone[channel.name])
    assert np.ptp(ran(Composite(), Toy(d=2))["loss"]) == 0


def test_members_with_other_dynamics_go_side_by_side():
    run = ran(Composite(), Toy(), Toy(d=2))
    assert run["loss"][-1, 0] < run["loss"][0, 0]
    assert run["loss"][-1, 1] == run["loss"][0, 1]


def test_what_dynamics_say_is_handed_on():
    engine, config = Composite(), Toy(a=3.0)
    run = ran(engine, config)
    assert engine.capturable(engine.problem([config], "cpu"))
    assert engine.nbytes([config, config]) == 14
    assert (engine.caution(config), engine.stability(config)) == ("a = 3", "η below 2/a")
    assert engine.phases(run, 0) == [Phase(step=0, label="descent")]
    assert engine.story(run, 0).text == "descends"


def test_what_dynamics_leave_out_is_what_an_engine_says_that_leaves_it_out():
    engine, config = Composite(), Toy(d=2)
    run = ran(engine, config)
    assert not engine.capturable(engine.problem([config], "cpu"))
    assert (engine.nbytes([config]), engine.caution(config), engine.stability(config)) == (0, "", "")
    assert engine.theory(config, run.steps) == engine.phases(run, 0) == []
    with pytest.raises(NotImplementedError, match="story"):
        engine.story(run, 0)
