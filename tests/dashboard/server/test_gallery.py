"""What the gallery shows is what the engines declare, and it opens without them."""

import json

import pytest

import engines
from assets.gallery import digest, recorded, words
from dashboard.server import gallery
from engines.core.protocol.registry import origins


def address(name):
    return f"./{name}"


@pytest.mark.parametrize("name", engines.names())
def test_what_is_recorded_of_a_lab_is_what_it_declares(name):
    """Else run `python -m assets.gallery`; for a preset that changed `python -m assets.gallery LAB NAME`."""
    assert recorded(name) == words(engines.load(name), recorded(name))


@pytest.mark.parametrize("name", engines.names())
def test_a_recorded_state_of_claims_is_of_the_experiment_as_it_is_now(name):
    engine, about = engines.load(name), {each["name"]: each for each in recorded(name)["presets"]}
    for preset in engine.presets:
        assert about[preset.name]["digest"] == digest(engine, preset)
    judged = [each for each in about.values() if "claims" in each]
    assert judged and all(0 <= each["held"] <= each["claims"] and each["claims"] for each in judged)


@pytest.mark.parametrize(
    ("name", "preset"), [("matrix_sensing", "P5"), ("neural_collapse", "P1"), ("loss_landscape", "L19")]
)
def test_the_recorded_state_of_claims_is_what_a_run_says(name, preset):
    about = next(each for each in recorded(name)["presets"] if each["name"] == preset)
    verdicts = engines.run(name, preset=preset).judge()
    assert (len(verdicts), sum(verdict.holds is True for verdict in verdicts)) == (about["claims"], about["held"])


@pytest.mark.parametrize("name", engines.names())
def test_a_picture_is_small_and_inside_its_frame(name):
    picture = recorded(name)["picture"]
    assert len(json.dumps(picture)) < 40_000
    places = [each["places"] for each in picture["curves"]] if picture["kind"] == "curves" else picture["frames"]
    assert all(-25 <= value <= 1025 for place in places for value in place)
    assert all(len(place) % 2 == 0 for place in places) and places


def test_a_gallery_of_shipped_labs_imports_no_engine(fresh_python):
    code = (
        "import sys, dashboard.app; from dashboard.server.gallery import content; from engines import names; "
        "shown = content(names(), str); "
        "print(len(shown['labs']), len(shown['lessons']) >= 12, shown['broken'], 'torch' in sys.modules)"
    )
    assert fresh_python("-c", code).stdout.split() == [str(len(engines.names())), "True", "[]", "False"]


def test_a_lab_of_which_nothing_is_recorded_is_described_by_its_engine(monkeypatch, caplog):
    monkeypatch.setattr(gallery, "RECORDED", "nothing.json")
    shown = gallery.lab("matrix_sensing", "./m")
    assert shown["title"] == engines.load("matrix_sensing").title and shown["picture"] is None
    assert shown["presets"][0] | {"claims": 0, "held": 0, "when": ""} == shown["presets"][0]
    assert not caplog.records, "that is no fault"


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"title": 1, "summary": "", "reference": "", "presets": 3}', "[" * 9999]
)
def test_a_damaged_record_is_none_and_a_line_of_the_log(tmp_path, monkeypatch, caplog, text):
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / gallery.RECORDED).write_text(text)
    source = origins()["matrix_sensing"]
    broken = type(source)(**{**vars(source), "folder": tmp_path})
    monkeypatch.setattr("engines.core.protocol.registry.origins", lambda: {"matrix_sensing": broken})
    assert gallery.lab("matrix_sensing", "./m")["title"] == engines.load("matrix_sensing").title
    assert [each.levelname for each in caplog.records] == ["WARNING"] and "matrix_sensing cannot be read" in caplog.text


def test_addresses_keep_the_query_that_they_have():
    shown = gallery.content(["matrix_sensing"], lambda name: f"./app?lab={name}")
    assert shown["labs"][0]["presets"][0]["href"] == "./app?lab=matrix_sensing&preset=P0"
    lesson = next(each for each in shown["lessons"] if each["name"] == "the_price_of_width")
    assert lesson["href"] == "./app?lab=matrix_sensing&lesson=the_price_of_width"


def test_an_engine_that_is_broken_is_a_tile_that_says_so():
    shown = gallery.lab("<script>x</script>", "./x")
    assert "unknown engine" in shown["broken"] and shown["presets"] == []
