import pytest

from engines.core.protocol.config import Knob
from engines.core.protocol.errors import ConfigError
from engines.core.sweeps.axes import parse_axis

K = Knob(name="k", type=int)
ALPHA = Knob(name="alpha", type=float)
METHOD = Knob(name="method", type=str)


@pytest.mark.parametrize(
    ("knob", "text", "values"),
    [
        (K, "3", [3]),
        (K, "3:7", [3, 4, 5, 6]),
        (K, "0:10:4,20", [0, 4, 8, 20]),
        (ALPHA, "0.1, 0.3", [0.1, 0.3]),
        (ALPHA, "logspace(1e-3,1,4)", [0.001, 0.01, 0.1, 1.0]),
        (ALPHA, "linspace(0,1,3),5", [0.0, 0.5, 1.0, 5.0]),
        (K, "linspace(1,9,3)", [1, 5, 9]),
        (METHOD, "gd,3:4", ["gd", "3:4"]),
    ],
)
def test_an_axis_is_read(knob, text, values):
    assert parse_axis(knob, text) == values


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "k='' is not a whole number"),
        ("1,,2", "k='' is not a whole number"),
        ("7:3", "0 values"),
        ("3:7:0", "0 values"),
        ("0:10000000", "10,000,000 values"),
        ("0:" + 30 * "9", "is not a whole number"),
        ("0:" + 5000 * "9", "is not a whole number"),
        ("linspace(1,2,0)", "0 values"),
        ("linspace(0,nan,3)", "the ends are finite numbers"),
        ("linspace(-1e308,1e308,3)", "the ends are finite numbers"),
        ("linspace(1,x,2)", "is not linspace(first,last,count)"),
        ("logspace(0,1,3)", "above 0"),
        ("open('x')", "is not a whole number"),
    ],
)
def test_what_is_no_axis_is_one_sentence(text, words):
    with pytest.raises(ConfigError) as raised:
        parse_axis(K, text)
    assert words in str(raised.value) and "\n" not in str(raised.value)
