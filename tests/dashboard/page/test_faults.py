"""What an engine raises while its page is drawn ends neither the page nor the server."""

import numpy as np
import pytest

from dashboard.figures.marks import theory
from dashboard.page import explanation, lab, messages
from dashboard.probes.job import ProbeJob
from dashboard.session.curves import curves
from engines.core.api import simulate
from engines.core.protocol.declarations import Story
from engines.core.protocol.engine import Probe
from engines.core.runs.run import Run
from tests.core.test_runner import wait_until
from tests.core.toy import ENGINE, Toy, ToyEngine

ERRORS = [RuntimeError("no"), SystemExit(3), GeneratorExit(), StopIteration(), MemoryError()]


@pytest.fixture(params=ERRORS, ids=repr)
def failing(request, monkeypatch):
    def fail(*arguments):
        raise request.param

    for name in ("theory", "story", "caution", "stability", "phases", "idle", "_judge"):
        monkeypatch.setattr(ToyEngine, name, fail)
    return request.param


def test_words_and_lines_that_fail_are_left_out(failing):
    run = simulate(Run(ENGINE, [Toy(a=2.0)], preset=ENGINE.presets[0]), 20)
    assert explanation._tell(run, 0) is None
    assert explanation._judge(run) == []
    assert messages.caution(ENGINE, Toy()) == messages._advice(run, Toy()) == ""
    assert lab._common(ENGINE.idle, run.configs) == frozenset()
    assert theory.predict(ENGINE, curves(run.configs, True), run.configs, 100) == []


@pytest.mark.parametrize("error", [*ERRORS, KeyboardInterrupt()], ids=repr)
def test_a_probe_that_leaves_ends_with_a_message_and_the_next_is_computed(error):
    def leaving(run, member, step):
        raise error

    run = simulate(Run(ENGINE, [Toy()]), 20)
    left = ProbeJob(Probe(name="leaving", doc="leaves", compute=leaving), run, 20, 0, {})
    after = ProbeJob(Probe(name="after", doc="", compute=lambda run, member, step: {"x": step}), run, 20, 0, {})
    wait_until(lambda: left.done and after.done)
    assert left.failure.startswith("leaving ")
    assert (after.failure, after.part.values) == ("", {"x": 20})


def test_the_story_on_the_page_of_a_diverged_member_is_that_of_the_steps_before(monkeypatch):
    def told(self, run, member):
        return Story(formula="", text=str(run["loss"][-1, member]), reference="")

    monkeypatch.setattr(ToyEngine, "story", told)
    run = simulate(Run(ENGINE, [Toy(a=100.0, eta=1.0, flat=True)]), 50)
    assert np.isfinite(float(explanation._tell(run, 0).text.splitlines()[-1]))
