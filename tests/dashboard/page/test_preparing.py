"""Until its first frame is there, an experiment that was begun leaves the one before on the page as it was."""

from threading import Event

import pytest

from dashboard.page.lab import Lab
from dashboard.page.refresh import _activity
from dashboard.session.start import Start
from engines.core.live.limits import LIMITS
from tests.core.live.playing import wait_until
from tests.core.toy import ENGINE, ToyEngine


@pytest.fixture
def held(monkeypatch):
    """Starts in dimension 4 wait for this; where it is `broken` they fail."""
    go, at_once = Event(), ToyEngine.init

    def init(self, configs, problem):
        if configs[0].d == 4:
            go.wait(20)
            if getattr(go, "broken", False):
                raise RuntimeError("no room for four")
        return at_once(self, configs, problem)

    monkeypatch.setattr(ToyEngine, "init", init)
    yield go
    go.set()


@pytest.fixture
def lab():
    opened = Lab(ENGINE, Start.from_preset(ENGINE, "first"), suspended=True)
    opened.bridge.receive({"ack": 0})
    opened.command("step", {"count": 50})
    wait_until(lambda: len(opened.session.runner.run) and opened.session.runner.run.steps[-1] == 50)
    tick(opened)
    yield opened
    opened.close()


def tick(lab):
    """Let the page answer, and draw what is new."""
    lab.bridge.receive({"ack": lab.bridge.tick})
    lab.refresh.tick()


def whole(lab):
    """All panels that have to be about one experiment."""
    panels = lab.panels
    return (
        panels.heading.shown, panels.knobs.shown["d"]["value"], panels.knobs.order, panels.members.shown,
        panels.explanation.__panel__().object, [card.mark.figure for card in panels.grid.marked()],
    )  # fmt: skip


def dimmed(lab):
    return lab.__panel__().css_classes == ["preparing"]


def test_all_panels_change_with_the_first_frame_and_none_before(lab, held):
    before = whole(lab)
    assert "the loss falls" in before[4] and before[5] and not dimmed(lab)
    lab.edit({"d": 4, "a": 5.0})
    for _ in range(3):
        tick(lab)
    assert whole(lab) == before
    assert dimmed(lab) and lab.panels.heading.preparing == "First"
    held.set()
    wait_until(lambda: len(lab.session.runner.run))
    lab.refresh.tick()
    after = whole(lab)
    assert after[0]["edited"] == "d 3 → 4, a 1, 2 → 5"
    assert after[1] == 4 and "not judged" in after[4]
    assert dimmed(lab) and lab.panels.heading.preparing == ""  # until the browser has drawn it
    tick(lab)
    assert not dimmed(lab)


def test_what_is_drawn_or_clicked_meanwhile_is_not_of_another_experiment(lab, held):
    before = whole(lab)
    lab.edit({"d": 4})
    lab.panels.knobs.receive({"knob": "eta", "value": 0.5})
    lab.panels.members.receive({"pick": "c1"})
    lab.panels.ensemble.receive({"bands": False})
    tick(lab)
    assert whole(lab) == before


def test_another_choice_meanwhile_takes_the_place_of_the_first(lab, held):
    lab.edit({"d": 4})
    tick(lab)
    lab.panels.presets.receive({"value": "cases"})
    held.set()  # the scheduler has one thread: it is held up, too
    wait_until(lambda: len(lab.session.runner.run))
    tick(lab)
    assert whole(lab)[0]["title"] == "Cases" and whole(lab)[1] == 3


def test_what_fails_to_start_stands_without_curves_and_claims_and_can_be_taken_back(lab, held):
    held.broken = True
    held.set()
    lab.edit({"d": 4})
    wait_until(lambda: lab.session.runner.status.message)
    tick(lab)
    shown = whole(lab)
    assert shown[0]["edited"] == "d 3 → 4" and "the loss falls" not in shown[4] and shown[5] == []
    assert "no room for four" in " ".join(lab.messages.texts)
    lab.command("undo", {})
    wait_until(lambda: len(lab.session.runner.run))
    tick(lab)
    assert whole(lab)[1] == 3 and whole(lab)[5]
    assert "no room for four" not in " ".join(lab.messages.texts)


def test_the_address_gets_a_place_in_history_with_each_preset_and_none_with_an_edit(lab, monkeypatch):
    written = []
    monkeypatch.setattr(lab.bridge, "write_address", lambda token, push: written.append((token, push)))
    lab.edit({"eta": 0.2})
    wait_until(lambda: lab.session.runner.run.recording.events)  # the scheduler's thread takes it
    lab.address.write()
    edited = lab.share.token()
    assert written[-1] == (edited, False)
    lab.panels.presets.receive({"value": "cases"})
    *before, preset = (push for _, push in written)
    assert preset and not any(before)
    lab.bridge.receive({"visit": {"s": edited}})
    assert lab.session.configs[0].eta == 0.2
    lab.bridge.receive({"visit": {"s": "nonsense"}})
    assert "Here is the lab as it opens by default." in " ".join(lab.messages.texts)


def test_a_page_that_went_while_its_lab_was_made_is_closed_twice(lab):
    lab.close()
    lab.close()
    wait_until(lambda: not lab.session.runner.status.playing)


def test_a_refused_edit_is_said_until_the_run_goes_on_and_ends_nothing(monkeypatch):
    lab = Lab(ENGINE, Start.from_preset(ENGINE, "first"), suspended=True)
    lab.bridge.receive({"ack": 0})
    lab.command("step", {"count": 20})
    wait_until(lambda: lab.session.runner.status.step == 20 and not lab.session.runner.status.playing)
    monkeypatch.setattr(LIMITS, "memory", 1)
    lab.edit({"eta": 0.05})
    wait_until(lambda: lab.session.runner.status.refusal)
    tick(lab)
    assert "the limit on cpu is" in " ".join(lab.messages.texts)
    assert _activity(lab.session.view_context()) == "paused at step 20"
    monkeypatch.setattr(LIMITS, "memory", 0)
    lab.command("step", {"count": 5})
    wait_until(lambda: lab.session.runner.status.step == 25)
    tick(lab)
    assert not lab.messages.texts
    lab.close()
