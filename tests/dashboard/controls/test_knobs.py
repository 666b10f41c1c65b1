from dashboard.controls.knobs import Knobs
from tests.core.toy import Toy


def names(column):
    return [widget.about["label"] for widget in column]


def shown(idle):
    controls = Knobs(Toy, lambda *a: None, lambda *a: None)
    controls.show([Toy()], idle)
    _, front, more, folded = controls.__panel__()
    return names(front), more, names(folded)


def test_knobs_that_change_nothing_are_left_out():
    front, more, folded = shown({"d", "flat"})
    assert front == ["a", "η", "shift", "sign", "seed"]
    assert folded == []
    assert not more.visible


def test_they_come_back_with_their_values():
    controls = Knobs(Toy, lambda *a: None, lambda *a: None)
    controls.show([Toy()], {"d"})
    controls.show([Toy(d=7)], ())
    front = controls.__panel__()[1]
    assert front[0].about["label"] == "d"
    assert front[0].shown["value"] == 7


def test_a_knob_that_comes_out_of_the_folded_ones_is_still_told_of_changes(monkeypatch):
    monkeypatch.setattr("dashboard.controls.knobs.IN_SIGHT", 2)
    controls = Knobs(Toy, lambda *a: None, lambda *a: None)
    controls.show([Toy()], ())
    controls.__panel__().get_root()
    name = controls.__panel__()[3][0]._knob.name
    controls.show([Toy(seed=5)], set(Toy.knobs()) - {"seed", name})
    front = controls.__panel__()[1]
    assert {widget._knob.name for widget in front} == {"seed", name}
    assert all(widget._models for widget in front)  # what has none is told of no change


def test_a_value_that_was_taken_back_is_sent_again_since_the_browser_shows_what_was_turned():
    controls = Knobs(Toy, lambda *a: None, lambda *a: None)
    controls.show([Toy()])
    eta = next(widget for widget in controls.__panel__()[1] if widget.about["label"] == "η")
    sent = []
    eta.param.watch(lambda event: sent.append(event.new["text"]), "shown")
    controls.show([Toy()])
    assert sent == []
    eta.receive({"value": "0.5", "final": True})
    controls.show([Toy()])
    assert sent == ["0.1"]
