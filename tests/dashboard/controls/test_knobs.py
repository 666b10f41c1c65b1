from dashboard.controls.knobs import Knobs
from engines.core.protocol.errors import ConfigError
from tests.core.toy import Toy


def shown(idle=(), **values):
    controls = Knobs(Toy, lambda *a: None, lambda *a: None)
    controls.show([Toy(**values)], idle)
    return controls


def test_knobs_that_change_nothing_are_left_out():
    controls = shown({"d", "flat"})
    assert controls.order == {"front": ["a", "eta", "shift", "sign", "seed"], "more": []}
    labels = {about["name"]: about["label"] for about in controls.abouts}
    assert labels["eta"] == "η"


def test_they_come_back_with_their_values():
    controls = shown({"d"})
    controls.show([Toy(d=7)], ())
    assert controls.order["front"][0] == "d"
    assert controls.shown["d"]["value"] == 7


def test_more_knobs_than_are_in_sight_are_folded_away(monkeypatch):
    monkeypatch.setattr("dashboard.controls.knobs.IN_SIGHT", 2)
    assert shown().order == {"front": ["d", "a"], "more": ["eta", "shift", "sign", "flat", "seed"]}


def test_values_that_vary_over_members_are_listed():
    controls = Knobs(Toy, lambda *a: None, lambda *a: None)
    controls.show([Toy(a=a) for a in (1.0, 2.0, 2.0)])
    assert (controls.shown["a"]["text"], controls.shown["a"]["varies"]) == ("1", "varies: 1, 2")
    assert controls.shown["eta"]["varies"] == ""


def test_a_value_that_cannot_be_is_a_sentence_under_its_knob_and_is_not_committed():
    committed, previewed = [], []
    controls = Knobs(Toy, lambda *a: previewed.append(a), lambda *a: committed.append(a))
    controls.show([Toy()])
    controls.receive({"knob": "eta", "value": "-3", "final": True})
    assert "outside its bounds" in controls.shown["eta"]["error"]
    controls.receive({"knob": "eta", "value": 0.2})
    controls.receive({"knob": "eta", "value": "0.3", "final": True})
    controls.receive({"knob": "nothing", "value": "0.3", "final": True})
    assert (previewed, committed) == ([("eta", 0.2)], [("eta", 0.3)])


def test_what_the_experiment_refuses_is_a_sentence_too():
    def refuse(name, value):
        raise ConfigError("Toy.flat needs sign=plus")

    controls = Knobs(Toy, lambda *a: None, refuse)
    controls.show([Toy()])
    controls.receive({"knob": "sign", "value": "minus", "final": True})
    assert controls.shown["sign"]["error"] == "Toy.flat needs sign = plus"


def test_a_value_that_was_taken_back_is_sent_again_since_the_browser_shows_what_was_turned():
    controls = shown()
    sent = []
    controls.param.watch(lambda event: sent.append(event.new["eta"]["text"]), "shown")
    controls.show([Toy()])
    assert sent == []
    controls.receive({"knob": "eta", "value": "0.5", "final": True})
    controls.show([Toy()])
    assert sent == ["0.1"]


def test_undo_and_redo_are_asked_for_by_name():
    asked = []
    controls = Knobs(Toy, lambda *a: None, lambda *a: None, lambda *a: asked.append(a))
    for what in ("undo", "redo", "reset"):
        controls.receive({"do": what})
    assert asked == [("undo", {}), ("redo", {})]
