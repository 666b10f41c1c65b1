"""What a message says, and how long it may be."""

import pytest

from engines.core.protocol.errors import (
    LONGEST,
    ConfigError,
    EngineFailure,
    StoreError,
    UnknownName,
    engine_failures,
    quote,
)
from tests.core.toy import Toy


@pytest.mark.parametrize("kind", [ConfigError, EngineFailure, StoreError])
def test_a_message_keeps_its_ends_and_a_sane_length(kind):
    text = str(kind(f"knob={'x' * 100_000} is not a number"))
    assert len(text) < LONGEST + 10
    assert text.startswith("knob=xxx") and text.endswith("is not a number")


@pytest.mark.parametrize("value", ["x" * 100_000, [1.5] * 100_000, 10**10_000], ids=["text", "list", "number"])
def test_a_value_of_any_length_is_refused_in_one_short_sentence(value):
    with pytest.raises(ConfigError, match=r"^Toy\.d=") as caught:
        Toy(d=value)
    assert len(str(caught.value)) < 250


def test_a_value_that_cannot_say_what_it_is_can_be_quoted():
    class Silent:
        def __repr__(self):
            raise RuntimeError

    assert quote(Silent()) == "this Silent"
    assert quote("as it is") == "'as it is'"


@pytest.mark.parametrize(
    ("name", "hint"),
    [("etta", "did you mean eta?"), ("ETA", "did you mean eta?"), ("sgin", "did you mean sign?"),
     ("velocity", "known: d, a, eta, shift, sign, flat, seed"), ("x" * 100_000, "known: d, a, eta")],
)  # fmt: skip
def test_a_misspelt_name_gets_the_nearest_and_any_other_gets_all(name, hint):
    with pytest.raises(UnknownName) as caught:
        Toy.knob(name)
    assert hint in str(caught.value)
    assert len(str(caught.value)) < LONGEST


def test_where_there_is_none_a_name_is_told_so():
    assert str(UnknownName("option of norm", "nothing", [])) == "unknown option of norm 'nothing'; known: none"


def test_a_guard_keeps_errors_for_people_and_interrupts_and_names_all_others():
    for error in (ConfigError("k is large"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as caught, engine_failures("Toy"):
            raise error
        assert caught.value is error
    for error in (SystemExit(2), StopIteration(), ZeroDivisionError("division by zero")):
        message = f"Toy stopped: {type(error).__name__}"
        with pytest.raises(EngineFailure, match=message) as caught, engine_failures("Toy"):
            raise error
        assert caught.value.__cause__ is error
