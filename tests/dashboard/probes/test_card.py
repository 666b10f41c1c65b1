"""A card is asked, the thread for probes computes, and `collect` shows what came of it."""

import json
import time

import numpy as np
import pytest

from dashboard.probes.card import EARLIER, ProbeCard
from dashboard.probes.job import probe_scheduler
from dashboard.probes.panel import Probes
from dashboard.session.view_state import ViewContext
from engines.core import api
from engines.core.live.runner import Status
from engines.core.protocol.config import Knob
from engines.core.protocol.engine import Part, Probe
from engines.core.protocol.errors import ConfigError
from engines.core.protocol.probe_figures import Lines, Trace
from engines.core.runs.run import Run
from tests.core.toy import ENGINE, Toy
from tests.dashboard.probes.probe_engine import BOWL


def ran(steps=30):
    return api.simulate(Run(ENGINE, [Toy(a=a) for a in (1.0, 2.0)]), steps)


def until(done, seconds=60):
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "too late"
        time.sleep(0.005)


def result(card):
    """What the card shows once it has computed."""
    until(lambda: card.job.done)
    card.collect()
    return card.form.shown


def card(compute=None, **options):
    return ProbeCard(
        Probe(name="norm_of_x", doc="norm of x", compute=compute or ENGINE.probe("norm").compute, **options)
    )


def curve(run, member, step):
    steps, values = run.curve("loss", member)
    return {"steps": steps, "loss": values, "last": values[-1]}


LOSS = (Lines(traces=(Trace(x="steps", y="loss", label="loss", style="line"),)),)


def test_a_card_computes_what_its_button_offered_though_the_run_goes_on():
    run, made = ran(), card()
    made.set_target(run, 20, 1)
    assert made.form.shown["step"] == 20
    made.compute()
    made.set_target(run, 30, 0)
    assert result(made)["note"] == "Computed at step 20 · a = 2"
    assert f"<td>{run.probe('norm', 1, step=20)['norm']:.4g}" in made.values.table.object
    assert made.form.shown["step"] == 30


def test_nothing_is_offered_before_a_run_has_begun():
    made = card()
    made.compute()
    assert made.job is None
    assert made.form.shown["step"] == -1


def test_a_button_that_is_pressed_twice_computes_once():
    made = card()
    made.set_target(ran(), 20, 0)
    made.compute()
    first = made.job
    made.compute()
    assert made.job is first
    assert made.form.shown["busy"]
    assert not result(made)["busy"]


def test_the_picture_shows_the_traces_and_the_table_what_is_not_in_it():
    made = card(curve, pictures=LOSS)
    made.set_target(ran(), 20, 0)
    made.compute()
    result(made)
    (picture,) = made.values.pictures
    assert picture.caption.shown["lines"][0]["label"] == "loss"
    assert picture.__panel__().visible
    assert picture.drawn.content.renderers[0].data_source.data["x"][-1] == 20
    assert "last" in made.values.table.object and "loss" not in made.values.table.object


def test_without_traces_an_array_is_said_by_its_size_and_its_ends():
    made = card(curve)
    made.set_target(ran(), 20, 0)
    made.compute()
    result(made)
    assert not made.values.pictures
    assert "array 21, from 0 to 20" in made.values.table.object


@pytest.mark.parametrize("error", [ConfigError("too large: lower n"), RuntimeError("too large")])
def test_any_failure_is_a_sentence_and_the_next_try_may_succeed(error, caplog):
    failing = [error]

    def compute(run, member, step):
        if failing:
            raise failing.pop()
        return {"x": 1.0}

    made = card(compute)
    made.set_target(ran(), 20, 0)
    made.compute()
    assert "too large" in result(made)["failure"]
    assert not made.form.shown["busy"]
    made.compute()
    assert result(made)["failure"] == ""
    assert made.form.shown["note"]


def test_a_picture_that_cannot_be_drawn_is_a_sentence_and_the_numbers_stay():
    made = card(lambda run, member, step: {"steps": np.ones(3), "loss": np.ones(2)}, pictures=LOSS)
    made.set_target(ran(), 20, 0)
    made.compute()
    assert result(made)["failure"].startswith("The picture cannot be drawn")
    assert "1, 1, 1" in made.values.table.object


def test_a_result_says_when_its_run_was_started_again_or_branched():
    run, made = ran(), card()
    made.set_target(run, 20, 0)
    made.compute()
    assert EARLIER not in result(made)["note"]
    made.set_target(ran(), 5, 0)
    assert made.form.shown["note"].endswith(EARLIER)
    made.set_target(run, 25, 0)
    assert EARLIER not in made.form.shown["note"]
    run.recording.truncate(10)
    made.set_target(run, 10, 0)
    assert made.form.shown["note"].endswith(EARLIER)


def test_what_was_asked_of_a_run_that_is_replaced_meanwhile_is_labelled_so():
    made = card()
    made.set_target(ran(), 20, 0)
    made.compute()
    made.set_target(ran(), 5, 0)
    assert result(made)["note"] == f"Computed at step 20 · a = 1 – {EARLIER}"


def test_another_experiment_clears_the_cards():
    probes = Probes(ENGINE.probes)
    (made,) = probes.cards
    probes.show(ViewContext(ran(), Status(), step=20))
    made.compute()
    result(made)
    probes.clear()
    assert made.form.shown["note"] == ""
    assert not made.values.table.visible


@pytest.mark.parametrize("leave", ["cancel", "clear"])
def test_whoever_leaves_leaves_no_computation_behind(leave):
    run = ran()
    run.recording.dense.append(10**9, {"loss": np.zeros(2), "x": np.zeros((2, 3))})
    probes = Probes(ENGINE.probes)
    (made,) = probes.cards
    probes.show(ViewContext(run, Status(), step=10**9))
    made.compute()
    until(lambda: probe_scheduler().active() == 1)
    getattr(probes, leave)()
    until(lambda: probe_scheduler().active() == 0)
    assert made.form.shown["note"] == ""


def test_a_computation_that_was_stopped_never_shows():
    made = card(lambda run, member, step: time.sleep(0.1) or {"x": 1.0})
    made.set_target(ran(), 20, 0)
    made.compute()
    stopped = made.job
    made.stop()
    assert not made.form.shown["busy"]
    until(lambda: stopped.done)
    made.collect()
    assert made.form.shown["note"] == ""


def test_an_engine_without_probes_shows_no_heading():
    assert not Probes(()).__panel__().visible


def tuned(**options):
    """A card of the bowl with these options, looking at a run."""
    made = ProbeCard(BOWL)
    made.form.choose(options)
    made.set_target(ran(), 20, 0)
    return made


def typed(made, name, value):
    made.form.receive({"option": name, "value": value})
    return made.form.form


def test_options_are_asked_for_as_they_are_declared():
    fields = {field["name"]: field for field in ProbeCard(BOWL).form.fields}
    assert list(fields) == ["resolution", "wait", "shape", "rim", "limit"]
    assert fields["resolution"]["doc"] == "points along each side (from 3 to 201)"
    assert [fields[name]["kind"] for name in ("resolution", "shape", "rim")] == ["number", "choice", "check"]
    assert not ProbeCard(Probe(name="n", doc="d", compute=curve)).form.fields


def test_options_reach_the_computation_and_are_remembered():
    made = tuned()
    assert typed(made, "resolution", "5")["summary"] == "resolution = 5"
    typed(made, "rim", "False")
    made.compute()
    assert made.job.options == {"resolution": 5, "rim": False}
    assert result(made)["note"] == "Computed at step 20 · a = 1 · with resolution = 5, rim = no"
    made.clear()
    assert made.form.form["values"]["resolution"] == "5"
    assert typed(made, "resolution", "17")["summary"] == "rim = no"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("resolution", "500", "resolution = 500 is outside its bounds [3, 201]"),
        ("resolution", "many", "resolution = many is not a whole number"),
        ("shape", "ring", "shape = ring is not one of bowl, saddle"),
        ("depth", "1", "depth"),
    ],
)
def test_a_wrong_option_is_a_sentence_and_changes_nothing(name, value, sentence):
    made = tuned(resolution=5)
    form = typed(made, name, value)
    assert sentence in form["error"]
    assert made.form.options == {"resolution": 5}
    assert typed(made, "wait", "0.1")["error"] == ""


def test_a_quick_probe_that_was_computed_once_follows_its_slider_and_another_waits_for_its_button():
    """What is turned twice while it computes ends at the newest value."""

    def times(run, member, step, factor=1.0):
        return {"found": 3 * factor}

    knobs = (Knob(name="factor", doc="how many times", bounds=(0.1, 10)),)
    for quick in (True, False):
        made = card(times, quick=quick, knobs=knobs)
        made.set_target(ran(), 20, 0)
        assert made.form.fields[0]["slides"] is quick
        made.form.receive({"option": "factor", "value": "2"})
        assert made.job is None  # nothing was asked for yet
        made.compute()
        result(made)
        for value in ("3", "4"):
            made.form.receive({"option": "factor", "value": value})
        assert (made.job is not None) is quick
        if quick:
            result(made)
        assert ("12" if quick else "6") in made.values.table.object


def test_what_is_known_so_far_is_drawn_with_how_far_it_is():
    made = tuned(resolution=9, wait=0.05)
    made.compute()
    heat, cut = made.values.pictures
    until(lambda: made.collect() or heat.drawn)
    view = heat.drawn.content
    assert 0 < made.form.shown["share"] < 1
    assert made.form.shown["note"].startswith("So far at step 20")
    assert not cut.__panel__().visible
    result(made)
    assert heat.drawn.content is view
    assert np.isfinite(heat.drawn.source.data["image"][0]).all()
    assert cut.__panel__().visible
    assert made.form.shown["note"].startswith("Computed at step 20")


def test_partial_pictures_are_drawn_at_most_twice_a_second(monkeypatch):
    made = tuned(resolution=9, wait=0.02)
    shown = []
    monkeypatch.setattr(made.values, "show", shown.append)
    begun = time.monotonic()
    made.compute()
    until(lambda: made.collect() or made.job is None)
    assert 1 <= len(shown) <= 2 + 2 * (time.monotonic() - begun)  # of dozens of parts


@pytest.mark.parametrize("before", [False, True])
def test_what_is_cancelled_half_way_leaves_what_was_there_before(before):
    made = tuned(resolution=9)
    if before:
        made.compute()
        result(made)
    made.form.choose({"resolution": 5, "wait": 0.1})
    made.compute()
    heat, _ = made.values.pictures
    until(lambda: made.collect() or made.form.shown["note"].startswith("So far"))
    stopped = made.job
    made.stop()
    assert made.form.shown["failure"] == "cancelled"
    assert heat.__panel__().visible == before
    assert not before or heat.drawn.source.data["image"][0].shape == (9, 9)
    assert made.form.shown["note"].startswith("Computed" if before else "")
    until(lambda: stopped.done)
    assert stopped.part.share < 1
    made.compute()
    assert result(made)["failure"] == ""


def test_what_is_left_gets_less_between_two_parts():
    made = tuned(wait=0.3)
    made.compute()
    until(lambda: made.job.part.share)
    first = made.job.seconds_left()
    time.sleep(0.1)
    second = made.job.seconds_left()
    made.stop()
    assert 0 <= second < first


def test_a_computation_that_waits_for_another_says_so():
    first, second = tuned(wait=0.1), tuned(resolution=5)
    first.compute()
    second.compute()
    second.collect()
    assert second.form.shown["left"] == "waiting for other computations"
    first.stop()
    assert result(second)["left"] == ""


def test_words_among_the_result_are_sentences_and_lists():
    made = tuned(resolution=5)
    made.compute()
    result(made)
    table = made.values.table.object
    assert table.startswith("<p>It is a bowl: 1 &lt; 2 &amp; so on.</p>")
    assert "<td>left, right</td>" in table and "note" not in table


def test_each_picture_has_its_title_and_its_legend():
    made = tuned(resolution=5)
    made.compute()
    result(made)
    captions = [picture.caption for picture in made.values.pictures]
    assert [caption.title for caption in captions] == ["From above", "A cut"]
    assert [[line["label"] for line in caption.shown["lines"]] for caption in captions] == [
        ["the way", "its end"],
        ["loss at x₂ = 0"],
    ]


def test_a_probe_that_changes_its_own_arrays_is_drawn_again():
    """The result may be the very mapping of the part before."""
    known = {"x": np.arange(3), "y": np.zeros(3)}

    def compute(run, member, step):
        yield Part(0.5, known)
        time.sleep(0.05)
        known["y"] = np.ones(3)
        yield Part(1.0, known)

    made = card(compute, pictures=(Lines(traces=(Trace(x="x", y="y", label="y"),)),))
    made.set_target(ran(), 20, 0)
    made.compute()
    until(lambda: made.collect() or made.values.pictures[0].drawn)
    result(made)
    assert made.values.pictures[0].drawn.content.renderers[0].data_source.data["y"] == [1, 1, 1]


def test_what_was_computed_can_be_saved_in_full_with_what_it_is_of():
    files = {}
    run, made = ran(), ProbeCard(BOWL, lambda name, make: files.update({name: json.loads(make())}))
    made.save()
    assert not files and not made.form.shown["savable"]
    made.set_target(run, 20, 1)
    made.compute()
    assert result(made)["savable"]
    made.form.receive({"save": True})
    ((name, found),) = files.items()
    assert name == f"{ENGINE.name}_{BOWL.name}_step_20.json"
    assert found["config"]["a"] == 2.0 and (found["member"], found["step"]) == (1, 20)
    for name, value in made.values.shown.items():
        assert np.array_equal(np.asarray(found["values"][name]), np.asarray(value)), name
