import numpy as np
import pytest

from engines.core import api
from engines.core.protocol.errors import DynascopeError
from engines.core.runs.experiment import Experiment
from engines.core.sweeps.measures import FUNCTIONS, Measure, measure, parse_measure
from tests.core.toy import ENGINE


@pytest.fixture(scope="module")
def run():
    experiment = Experiment.from_preset(ENGINE, set={"a": [1.0, 2.0], "eta": 0.1, "flat": True}, steps=100)
    return api.simulate(api.new_run(experiment), 100)


@pytest.mark.parametrize(
    ("text", "expected"),
    [  # q = 1 - eta a: the loss is a d/2 q^(2t)
        ("final(loss)", lambda a, q: 1.5 * a * q**200),
        ("smallest(loss)", lambda a, q: 1.5 * a * q**200),
        ("largest(loss)", lambda a, q: 1.5 * a),
        ("first_above(loss, 1)", lambda a, q: 0),
        ("rate(loss, 1e-3, 1)", lambda a, q: -2 * np.log(q)),
        ("first_below(loss, 0.1)", lambda a, q: np.ceil(np.log(0.1 / (1.5 * a)) / (2 * np.log(q)))),
    ],
)
def test_measures_are_those_of_the_closed_form(run, text, expected):
    [column] = measure(run, [parse_measure(ENGINE, text)]).values()
    assert column == pytest.approx([expected(a, 1 - 0.1 * a) for a in (1.0, 2.0)], rel=1e-9)


def test_what_never_happens_is_no_number(run):
    assert np.isnan(parse_measure(ENGINE, "first_below(loss, 1e-300)").compute(run, 0))


def test_every_function_is_written_as_it_is_read():
    for name, function in FUNCTIONS.items():
        one = Measure(name, "loss", tuple(float(n) for n in range(1, 1 + len(function.arguments))))
        assert parse_measure(ENGINE, one.text) == one


@pytest.mark.parametrize(
    "text",
    ["", "loss", "final", "final()", "final(nothing)", "finale(loss)", "final(x)", "first_below(loss)",
     "final(loss, 1)", "first_below(loss, 'a')", "__import__('os').system('true')", "final(loss" + "(" * 5000,
     "first_below(loss, level=1)", "first_below(loss, 1" + "0" * 400 + ")"],
)  # fmt: skip
def test_what_is_no_measure_is_one_sentence(text):
    with pytest.raises(DynascopeError) as raised:
        parse_measure(ENGINE, text)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 300
