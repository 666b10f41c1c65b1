import json

import pytest

from dashboard import link
from engines.core.ensemble import Experiment
from tests.core.toy import ENGINE


def token(**changes):
    about = {"version": link.VERSION, "experiment": Experiment.of(ENGINE).to_json(), "view": {}} | changes
    return pack(json.dumps(about))


def pack(text):
    import base64
    import zlib

    return base64.urlsafe_b64encode(zlib.compress(text.encode())).decode().rstrip("=")


CUT = "eJyrVgpKTVKyUlAqS8wpTtVRUCpKLS7IzytOVbJSMDQAALbXCUk"
"""A link without its last characters."""


def test_a_link_holds_the_whole_experiment_and_the_view():
    name = next(name for name, knob in ENGINE.Config.knobs().items() if knob.role != "shape" and knob.type is float)
    value = getattr(ENGINE.Config(), name)
    experiment = Experiment.of(ENGINE, set={name: [value, value / 2]}, steps=77)
    found, view = link.decode(link.encode(experiment, {"speed": "max"}), ENGINE)
    assert found.configs() == experiment.configs()
    assert found.steps == 77
    assert view == {"speed": "max"}


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
    assert link.decode(token(view=[1]), ENGINE)[1] == {}
