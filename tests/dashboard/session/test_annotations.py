"""Notes and slopes are part of a view, and what makes no sense of them is left out."""

import json

from dashboard.session.view_state import LONGEST_NOTE, MOST_ANNOTATIONS, Annotation, ViewState


def test_annotations_survive_a_link():
    notes = (Annotation("error", "loss", 1, 10, text="here"), Annotation("error", "loss", 0, 10, 100, component=2))
    view = ViewState(annotations=notes)
    assert ViewState.from_json(json.loads(json.dumps(view.to_json()))) == view


def test_what_makes_no_sense_is_left_out():
    good = {"plot": "p", "channel": "c", "member": 0, "step": 3, "text": "x" * 500}
    wrong = [None, 5, {}, good | {"member": -1}, good | {"to": 3}, good | {"text": 7}, good | {"step": "3"}]
    read = ViewState.from_json({"annotations": [*wrong, good]}).annotations
    assert read == (Annotation("p", "c", 0, 3, text="x" * LONGEST_NOTE),)
    assert len(ViewState.from_json({"annotations": [good] * 99}).annotations) == MOST_ANNOTATIONS
    assert ViewState.from_json({"annotations": "none"}).annotations == ()
