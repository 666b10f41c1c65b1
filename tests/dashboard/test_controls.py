from dashboard.controls import Controls
from tests.core.toy import Toy


def names(column):
    return [widget.about["label"] for widget in column]


def shown(idle):
    controls = Controls(Toy, lambda *a: None, lambda *a: None)
    controls.show([Toy()], idle)
    front, more, folded = controls.__panel__()
    return names(front), more, names(folded)


def test_knobs_that_change_nothing_are_left_out():
    front, more, folded = shown({"d", "flat"})
    assert front == ["a", "η", "shift", "sign", "seed"]
    assert folded == []
    assert not more.visible


def test_they_come_back_with_their_values():
    controls = Controls(Toy, lambda *a: None, lambda *a: None)
    controls.show([Toy()], {"d"})
    controls.show([Toy(d=7)], ())
    front = controls.__panel__()[0]
    assert front[0].about["label"] == "d"
    assert front[0].shown["value"] == 7
