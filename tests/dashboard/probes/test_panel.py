"""The page computes by itself what verdicts rest on, and nothing else."""

import time
from dataclasses import replace

import pytest

from dashboard.probes.panel import CHANGED, Probes
from dashboard.session.view_state import ViewContext
from engines.core import api
from engines.core.live.runner import Status
from engines.core.protocol.errors import ConfigError
from engines.core.runs.run import Run
from tests.core.toy import Toy
from tests.dashboard.probes.probe_engine import ENGINE

PRESET = ENGINE.preset("measured")


def ran(steps=20, preset=PRESET, members=(1.0, 2.0)):
    return api.simulate(Run(ENGINE, [Toy(a=a) for a in members], preset=preset), steps)


@pytest.fixture
def page():
    made = Probes(ENGINE.probes)
    yield made
    made.cancel()


def shown(run, step, member):
    return ViewContext(run, Status(), step=step, focus=member)


def ticks(page, run, done, playing=False, seconds=60):
    """Tick as the page does until something is so."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "too late"
        page.show(shown(run, int(run.steps[-1]), 0))
        page.collect(run, playing)
        time.sleep(0.005)


def going(page):
    return [card.probe.name for card in page.cards if card.job]


def test_every_member_is_measured_one_after_the_other_as_it_would_be_without_a_page(page):
    run = ran()
    assert run.judge()[0].holds is None
    most = []
    ticks(page, run, lambda: most.append(len(going(page))) or len(run.probe_results) == 2)
    assert max(most) == 1
    assert run.judge()[0].holds
    headless = ran()
    api.run_preset_probes(headless)
    assert run.probe_results.keys() == headless.probe_results.keys()
    assert all(run.probe_results[key]["least"] == headless.probe_results[key]["least"] for key in run.probe_results)
    page.collect(run, False)
    assert not going(page)


def test_the_card_says_why_it_computes_and_shows_the_member_in_focus(page):
    run, (card, _) = ran(), page.cards
    ticks(page, run, lambda: going(page))
    assert card.form.shown["why"] == "because the verdicts need it"
    assert card.form.form["summary"] == "resolution = 9, wait = 0.05"
    ticks(page, run, lambda: len(run.probe_results) == 2 and not going(page))
    assert card.form.shown["note"] == (
        "Computed at step 20, because the verdicts need it · a = 1 · with resolution = 9, wait = 0.05"
    )
    page.show(shown(run, 20, 1))
    assert "a = 2" in card.form.shown["note"]
    assert "<td>0.05</td>" in card.values.table.object
    page.show(shown(run, 20, 0))
    assert "<td>0.025</td>" in card.values.table.object


@pytest.mark.parametrize(
    ("steps", "preset", "playing"), [(19, PRESET, False), (20, PRESET, True), (20, None, False), (20, "plain", False)]
)
def test_nothing_is_computed_too_early_while_playing_or_without_need(page, steps, preset, playing):
    run = ran(steps, ENGINE.preset("plain") if preset == "plain" else preset)
    page.show(shown(run, steps, 0))
    page.collect(run, playing)
    assert not going(page)


def test_a_run_that_went_on_is_measured_at_the_presets_last_step(page):
    run = ran(50)
    ticks(page, run, lambda: going(page))
    assert page.cards[0].job.step == 20


def test_what_is_known_already_is_not_computed_again(page):
    run = ran()
    run.probe_results = {("bowl", 0): {"least": 0.0}}
    ticks(page, run, lambda: going(page))
    assert page.cards[0].job.member == 1


@pytest.mark.parametrize("change", ["another run", "branch", "another preset"])
def test_a_changed_run_ends_it_and_gets_nothing(page, change):
    run = ran()
    ticks(page, run, lambda: going(page))
    started = page.cards[0].job
    if change == "another preset":
        page.clear()
    other = run if change == "branch" else ran(5)
    if change == "branch":
        run.recording.truncate(10)
    page.collect(other, False)
    assert not going(page)
    assert page.cards[0].form.shown["failure"] == ("" if change == "another preset" else CHANGED)
    ticks(page, other, lambda: started.done)
    page.collect(other, False)
    assert not run.probe_results and not other.probe_results


def test_who_cancels_one_is_left_alone_until_the_run_changes(page):
    run = ran()
    ticks(page, run, lambda: going(page))
    started = page.cards[0].job
    page.cards[0].stop()
    ticks(page, run, lambda: started.done)
    for _ in range(3):
        page.collect(run, False)
    assert not going(page) and not run.probe_results
    assert page.cards[0].form.shown["failure"] == "cancelled"
    ticks(page, ran(), lambda: going(page))


def test_one_that_fails_is_said_and_not_tried_again(page, monkeypatch):
    failed = []

    def compute(run, member, step, resolution=9, wait=0.0):
        failed.append(member)
        raise ConfigError("too large: lower the resolution")

    monkeypatch.setattr(page.cards[0], "probe", replace(page.cards[0].probe, compute=compute))
    run = ran()
    ticks(page, run, lambda: len(failed) == 2 and not going(page))
    for _ in range(3):
        page.collect(run, False)
    assert failed == [0, 1]
    assert "too large" in page.cards[0].form.shown["failure"]
    assert run.judge()[0].holds is None


def test_what_the_reader_asked_for_comes_first(page):
    run, card = ran(), page.cards[0]
    page.show(shown(run, 20, 1))
    card.compute()
    asked = card.job
    page.collect(run, False)
    assert card.job is asked
    ticks(page, run, lambda: card.job is not asked and going(page))
    assert asked.done and not asked.options


def test_a_probe_is_offered_for_the_members_that_it_is_about():
    large = replace(ENGINE.probes[0], applies=lambda config: config.a > 1)
    page, run = Probes([large]), ran()
    for member, offered in ((0, False), (1, True), (0, False)):
        page.show(shown(run, 20, member))
        assert page.cards[0].visible is page.__panel__().visible is offered
