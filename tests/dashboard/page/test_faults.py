"""What an engine raises while its page is drawn ends neither the page nor the server, and is said."""

import pytest

from dashboard.figures.marks import prediction_lines
from dashboard.page.explanation import Explanation
from dashboard.page.lab import Lab
from dashboard.page.messages import Messages
from dashboard.probes.job import ProbeJob
from dashboard.session.curves import curves
from dashboard.session.start import Start
from dashboard.session.view_state import ViewContext
from engines.core.api import simulate
from engines.core.live.runner import Status
from engines.core.protocol.declarations import Plot, Story
from engines.core.protocol.engine import Probe
from engines.core.runs.experiment import Experiment
from engines.core.runs.run import Run
from tests.core.live.playing import wait_until
from tests.core.toy import ENGINE, Toy, ToyEngine

ERRORS = [RuntimeError("no"), SystemExit(3), GeneratorExit(), StopIteration(), MemoryError()]
ALWAYS = (
    "The explanation", "The caution", "The division into phases",
    "The list of knobs without effect", "The list of figures without effect",
)  # fmt: skip
DIVERGING = {"a": [100.0, 1.0], "eta": 1.0, "flat": True}


@pytest.fixture(params=ERRORS, ids=repr)
def failing(request, monkeypatch):
    def fail(*arguments):
        raise request.param

    with monkeypatch.context() as failures:
        for name in ("theory", "story", "caution", "stability", "phases", "idle", "blank", "judge_first"):
            failures.setattr(ToyEngine, name, fail)
        yield failures


@pytest.fixture
def open_lab():
    """Open labs, paused at their starts, whose pages answer."""
    opened = []

    def open_(knobs):
        experiment = Experiment.from_preset(ENGINE, ENGINE.preset("first"), knobs, steps=1000)
        lab = Lab(ENGINE, Start(experiment), suspended=True)
        lab.bridge.receive({"ack": 0})
        lab.command("speed", {"value": "max"})
        opened.append(lab)
        return lab

    yield open_
    for lab in opened:
        lab.close()


def go_to(lab, step):
    lab.command("step", {"count": step - lab.session.runner.status.step})
    return messages_at(lab, step)


def messages_at(lab, step):
    """What is said on the page once a step is drawn."""
    runner = lab.session.runner
    wait_until(lambda: len(runner.run) and runner.run.steps[-1] == runner.status.step == step)
    lab.bridge.receive({"ack": lab.bridge.tick})
    lab.refresh.describe_soon()
    lab.refresh.tick()
    return " ".join(lab.messages.texts)


@pytest.mark.parametrize(
    ("knobs", "subject"), [({}, "The judgement of the claims"), (DIVERGING, "The advice about stability")]
)
def test_what_fails_is_said_on_the_page_and_once_in_the_log_and_the_rest_goes_on(
    failing, open_lab, caplog, knobs, subject
):
    lab = open_lab(knobs)
    shown = go_to(lab, 500)
    assert [text for text in (*ALWAYS, subject) if f"{text} could not be made (" not in shown] == []
    assert "There is no theory of " in shown
    assert ("diverged: the first at step" in shown) is (knobs == DIVERGING)
    assert lab.panels.transport.now["at"] == 500
    assert all(card.mark.figure.renderers for card in lab.panels.grid.marked())
    go_to(lab, 501)
    logged = [record.getMessage() for record in caplog.records if record.name == "dashboard.page.messages"]
    assert sorted(logged) == sorted(f"{text} could not be made" for text in (*ALWAYS, subject))
    failing.undo()
    lab.panels.presets.receive({"value": "first"})
    assert "could not be made" not in messages_at(lab, 50)


def test_theory_of_a_sweep_that_fails_is_said_on_the_page_and_once_in_the_log(failing, open_lab, caplog, monkeypatch):
    sweep = Plot(name="over", title="over", channels=("loss",), doc="", kind="sweep")
    monkeypatch.setattr(ToyEngine, "plots", (*ToyEngine.plots, sweep))
    lab = open_lab({})
    assert "There is no theory of some points (" in go_to(lab, 20)
    go_to(lab, 21)
    assert caplog.text.count("theory failed for a point of a sweep") == 1
    failing.undo()
    lab.panels.presets.receive({"value": "first"})
    assert "There is no theory of some points" not in messages_at(lab, 50)


def test_theory_that_fails_is_left_out_and_said(failing):
    configs = [Toy(a=2.0)]
    lines, failure = prediction_lines.predict(ENGINE, curves(configs, True), configs, 100)
    assert lines == [] and failure.startswith("There is no theory of ")


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
        return Story(formula="", text=f"The loss is {run['loss'][-1, member]:.3f}.", reference="")

    monkeypatch.setattr(ToyEngine, "story", told)
    run = simulate(Run(ENGINE, [Toy(a=100.0, eta=1.0, flat=True)]), 50)
    explanation = Explanation(Messages())
    explanation.show(ViewContext(run, Status(), configs=tuple(run.configs)))
    shown = explanation.__panel__().object
    assert "diverged" in shown and "The loss is" in shown and "nan" not in shown and "inf" not in shown
