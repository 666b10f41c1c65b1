import json

import pytest

from dashboard.page.messages import message
from dashboard.session import link
from dashboard.session.start import Start
from dashboard.session.view_state import ViewState
from engines import load
from engines.core.protocol.errors import ConfigError
from engines.core.runs.experiment import Experiment
from tests.core.toy import ENGINE, Toy


def token(**changes):
    about = {"version": link.VERSION, "experiment": Experiment.from_preset(ENGINE).to_json(), "view": {}} | changes
    return pack(json.dumps(about))


def pack(text):
    import base64
    import zlib

    return base64.urlsafe_b64encode(zlib.compress(text.encode())).decode().rstrip("=")


CUT = "eJyrVgpKTVKyUlAqS8wpTtVRUCpKLS7IzytOVbJSMDQAALbXCUk"
"""A link without its last characters."""

FIRST = (
    "eNpdU9tyozAM_ZUMz9ksAUI2_Yp9Dx3GiwX11Nge20nTZvj31YV02vLgkc6xpGNJ3Au4BYhmBpeLp01x7wp1g9ShTaYNL4rsc7nbbzflrqKjpuNA"
    "x_F5u-mKBKDl0naDt6rnhdB_KsHPNJwFKcirezw2h1Pbtqeq2Td_6oZYreZg3CQXKkI-r3P0FJXuRzVkHwllzDiTyemKqJz2c1c80N75OAu1_-2-"
    "4FFl4yVt_eOjO69EHdhSIXD9_a79_h2JtmZcS48Xa6UAYb1i-BfrYwVVWZbsQH7xWmImLRGzpwlcZhF0IsixAo5wFeNseiN9LXfse5yeWluBL9OY"
    "xeR3Sfrg-seERExQUaEGnPoH9cBJqErvM6LRDBIcIgwmfdJjaBshuFT9dfAsJAUYcrysvbbGgYoSkFWcYO3RBA41rW3CYtMEq3RI2cwqg_7G9Rau"
    "YNfp814NuFe8n-f7wusH2mQBxHUT1pacmC-aGz7fJd6o9V3poeZvLVjKEJK0e0GguEKkl8t2FVcDb7TIuNJOJ7RGZRMgYb1_TcxYn8g4YwOQYJ7-"
    "AmoKaPqvqrJYlv8ZUwFB"
)
"""A link of version 1."""


def test_a_link_holds_the_whole_experiment_and_the_view():
    name = next(name for name, knob in ENGINE.Config.knobs().items() if knob.role != "shape" and knob.type is float)
    value = getattr(ENGINE.Config(), name)
    experiment = Experiment.from_preset(ENGINE, set={name: [value, value / 2]}, steps=77)
    looked = ViewState(False, "max", 1, 40, {"loss": [True, False]}, ("presets", name), paused_at=60)
    found, view = link.decode(link.encode(experiment, looked), ENGINE)
    assert found.configs() == experiment.configs()
    assert found.steps == 77
    assert view == looked


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "!",
        "abc",
        "é",
        "\0\ufffd",
        CUT,
        "A" * (link.LONGEST + 1),
        pack("[1]"),
        pack("{}"),
        pack("[" * 30_000),
        pack(" " * 10**6),
    ],
)
def test_a_damaged_link_is_a_sentence(damaged):
    with pytest.raises(link.BadLink, match="This link"):
        link.decode(damaged, ENGINE)


@pytest.mark.parametrize("experiment", [None, "{}", "[]", '{"axes": 3}', "{" * 5000])
def test_a_link_to_something_impossible_is_a_sentence(experiment):
    with pytest.raises(link.BadLink, match="This link"):
        link.decode(token(experiment=experiment), ENGINE)


def test_a_view_that_is_no_table_is_ignored():
    assert link.decode(token(view=[1]), ENGINE)[1] == ViewState()


@pytest.mark.parametrize(
    "nonsense",
    [
        {"speed": []},
        {"speed": "never"},
        {"focus": -1},
        {"cursor": "last"},
        {"looks": 3},
        {"log_axes": 3},
        {"hide": {"a": 1}.keys},
        {},
    ],
)
def test_a_view_that_makes_no_sense_is_the_usual_one(nonsense):
    assert ViewState.from_json(nonsense) == ViewState()


def test_a_link_of_the_first_version_is_read():
    """This one was made when there was no other."""
    experiment, view = link.decode(FIRST, load("matrix_sensing"))
    assert (experiment.preset.name, experiment.steps, len(experiment.configs())) == ("P3", 50, 15)
    assert view == ViewState(bands=False, speed="20", log_axes={"loss": [True, False]})


def test_a_view_of_the_second_version_is_read():
    """It called the axes `looks` and the step of a lesson `page`."""
    old = token(version=2, view={"looks": {"loss": [True, False]}, "lesson": "x", "page": 2})
    assert link.decode(old, ENGINE)[1] == ViewState(log_axes={"loss": [True, False]}, lesson="x", lesson_step=2)


def test_a_link_of_another_lab_says_so():
    with pytest.raises(link.BadLink, match="of the lab 'matrix_sensing', and this is 'toy'"):
        link.decode(FIRST, ENGINE)
    assert link.lab_of(FIRST) == "matrix_sensing"
    assert link.lab_of(CUT) == ""


@pytest.mark.parametrize(("token", "preset"), [(CUT, ""), ("", "P999")])
def test_what_cannot_be_opened_opens_the_usual_and_is_told(token, preset):
    engine = load("matrix_sensing")
    found = Start.from_address(engine, token, preset)
    assert found.experiment.preset.name == engine.opening
    assert "opens by default" in found.error


def test_a_pinned_run_whose_edits_contradict_is_a_sentence_and_the_lab_opens_as_usual():
    pinned = json.loads(Experiment.from_preset(ENGINE, set={"sign": "minus"}).to_json())
    for edit, reason in [
        ({"step": 3, "knob": "flat", "value": True, "members": [0]}, "flat is not a live knob"),
        ({"step": 3, "knob": "eta", "value": 11, "members": [0]}, "Toy.eta=11.0 is outside its bounds"),
        ({"step": 3, "knob": "eta", "value": 1, "members": [1]}, "names the member 1"),
    ]:
        view = {"pinned": json.dumps(pinned | {"edits": [edit]})}
        start = Start.from_address(ENGINE, token(view=view))
        assert start.error.startswith("This link compares with something impossible: ") and reason in start.error
        assert (start.pinned, start.experiment.preset) == (None, ENGINE.preset(ENGINE.opening))


def test_a_pinned_run_whose_edits_contradict_another_knob_is_a_sentence(monkeypatch):
    def check(self):
        if self.shift > self.eta:
            raise ConfigError(f"Toy.shift={self.shift} is above eta={self.eta}")

    monkeypatch.setattr(Toy, "check", check)
    edits = [{"step": 3, "knob": name, "value": value, "members": [0]} for name, value in (("shift", 1), ("eta", 2))]
    pinned = json.loads(Experiment.from_preset(ENGINE).to_json())
    start = Start.from_address(ENGINE, token(view={"pinned": json.dumps(pinned | {"edits": edits})}))
    assert start.error == "" and start.pinned and len(start.pinned.edits) == 2
    start = Start.from_address(ENGINE, token(view={"pinned": json.dumps(pinned | {"edits": edits[:1]})}))
    assert "something impossible: Toy.shift=1.0 is above eta=0.1" in start.error


def test_names_to_hide_add_to_those_of_the_link():
    hidden = Start.from_address(load("matrix_sensing"), FIRST).hide(("presets", "story")).hide(("story",))
    assert hidden.view.hide == ("presets", "story")


EVIL = "<script>x</script><img src=x onerror=y>" + "z" * 10_000
EDIT = {"step": 3, "knob": "eta", "value": 0.1, "members": [0]}


@pytest.mark.parametrize(
    "changes",
    [
        {"engine": EVIL}, {"base": {"sign": EVIL}}, {"base": {"eta": EVIL}}, {"axes": {"eta": [EVIL]}}, {"axes": EVIL},
        {"cases": [{"sign": EVIL}]}, {"steps": EVIL}, {"edits": [EDIT | {"knob": EVIL}]}, {"edits": EVIL},
        *({"edits": [EDIT | {name: EVIL}]} for name in EDIT), {"edits": [EDIT | {"members": [EVIL]}]},
        *({"edits": [EDIT | {"members": [bad]}]} for bad in (float("inf"), "0", 0.7, True, None, {}, -1, 10**30)),
    ],
    ids=lambda changes: str(changes)[:60],
)  # fmt: skip
def test_a_link_that_asks_for_something_impossible_is_one_sentence_and_no_markup(changes):
    experiment = json.loads(Experiment.from_preset(ENGINE).to_json()) | changes
    found = Start.from_address(ENGINE, token(experiment=json.dumps(experiment)))
    assert found.error.startswith("This link") and "\n" not in found.error
    assert len(message("error", found.error).title) < 1500


def test_a_long_version_or_name_is_quoted_in_part():
    for bad in (token(version="x" * 40_000), token(experiment=json.dumps({"engine": ["x"] * 9000}))):
        assert len(Start.from_address(ENGINE, bad).error) < 400


def test_a_version_or_a_lesson_of_a_link_is_quoted_as_text():
    for bad in (token(version=EVIL), token(view={"lesson": EVIL}), token(view={"pinned": EVIL})):
        shown = message("error", Start.from_address(ENGINE, bad).error)
        assert len(shown.title) < 1500 and not shown.object and not len(shown)


def test_a_link_remembers_how_bands_are_drawn():
    assert ViewState.from_json(ViewState(mean=True).to_json()).mean
    assert not ViewState.from_json({"bands": True}).mean
    assert not ViewState.from_json({"mean": "yes"}).mean
