import dataclasses

import numpy as np
import pytest

from engines.core.protocol.config import Config, Knob, knob
from engines.core.protocol.errors import ConfigError, UnknownName
from tests.core.toy import Toy

BAD = [
    ({"eta": 11.0}, "Toy.eta=11.0 is outside its bounds [0, 10]"),
    ({"d": 0}, "Toy.d=0 is outside its bounds [1, 100]"),
    ({"eta": "fast"}, "Toy.eta='fast' is not a finite number"),
    ({"eta": None}, "Toy.eta=None is not a finite number"),
    ({"eta": float("nan")}, "Toy.eta=nan is not a finite number"),
    ({"eta": float("inf")}, "Toy.eta=inf is not a finite number"),
    ({"eta": True}, "Toy.eta=True is not a finite number"),
    ({"d": True}, "Toy.d=True is not a whole number"),
    ({"d": 2.5}, "Toy.d=2.5 is not a whole number"),
    ({"d": "2.5"}, "Toy.d='2.5' is not a whole number"),
    ({"d": "٣"}, "Toy.d='٣' is not a whole number"),
    ({"d": "1_0"}, "Toy.d='1_0' is not a whole number"),
    ({"eta": "٠.٣"}, "Toy.eta='٠.٣' is not a finite number"),
    ({"eta": "1_0e-1"}, "Toy.eta='1_0e-1' is not a finite number"),
    ({"d": "2.5e0"}, "Toy.d='2.5e0' is not a whole number"),
    ({"d": float("inf")}, "Toy.d=inf is not a whole number"),
    ({"d": "1e999"}, "Toy.d='1e999' is not a whole number"),
    ({"d": [3]}, "Toy.d=[3] is not a whole number"),
    ({"sign": "up"}, "Toy.sign='up' is not one of plus, minus"),
    ({"sign": 1}, "Toy.sign=1 is not text"),
    ({"flat": "perhaps"}, "Toy.flat='perhaps' is not true or false"),
    ({"flat": True, "sign": "minus"}, "Toy.flat needs sign=plus"),
]


@pytest.mark.parametrize(("values", "message"), BAD, ids=[message for _, message in BAD])
def test_a_bad_value_is_refused_with_class_knob_value_and_bound(values, message):
    with pytest.raises(ConfigError) as caught:
        Toy(**values)
    assert str(caught.value) == message


def test_a_value_beyond_every_float_is_refused_and_does_not_overflow():
    with pytest.raises(ConfigError, match=r"Toy\.d=1000.* is outside its bounds"):
        Toy(d=10**400)
    with pytest.raises(ConfigError, match=r"is not a finite number"):
        Toy(eta=10**400)


def test_values_come_out_in_the_type_of_their_knob():
    config = Toy(d=np.int64(4), eta=1, a=np.float32(2), flat="yes", seed="1e3")
    assert (config.d, config.eta, config.a, config.flat, config.seed) == (4, 1.0, 2.0, True, 1000)
    assert [type(value) for _, value in config] == [int, float, float, float, str, bool, int]


def test_bounds_are_inclusive():
    assert Toy(eta=0).eta == 0
    assert Toy(eta=10).eta == 10


def test_an_unknown_knob_is_named_with_the_known_ones():
    with pytest.raises(UnknownName, match=r"unknown knob of Toy 'velocity'; known: d, a, eta"):
        Toy().replace(velocity=1)
    with pytest.raises(UnknownName):
        Toy.knob("speed")


def test_a_config_is_frozen_and_replace_validates_again():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Toy().d = 4  # type: ignore[misc]
    assert Toy().replace(eta=0.2).eta == 0.2
    with pytest.raises(ConfigError):
        Toy().replace(eta=-1)


def test_json_gives_back_every_float_exactly():
    config = Toy(eta=1 / 3, a=0.1 + 0.2, sign="minus", seed=7)
    assert Toy.from_json(config.to_json()) == config


def test_json_ignores_unknown_keys_and_refuses_what_is_no_object():
    assert Toy.from_json('{"eta": 0.5, "gone": 1}') == Toy(eta=0.5)
    for text in ("", "[1]", "{", "null", "[" * 100_000):
        with pytest.raises(ConfigError, match="Toy: "):
            Toy.from_json(text)
    with pytest.raises(ConfigError, match=r"Toy\.eta=nan"):
        Toy.from_json('{"eta": NaN}')


def test_equal_configs_have_equal_digests_and_others_do_not():
    assert Toy(eta=1).digest() == Toy(eta=1.0).digest()
    assert len({Toy().digest(), Toy(eta=0.2).digest(), Toy(seed=1).digest()}) == 3


def test_the_digest_is_the_same_in_a_fresh_process(fresh_python):
    config = Toy(eta=1 / 3, seed=5)
    there = fresh_python("-c", "from tests.core.toy import Toy; print(Toy(eta=1 / 3, seed=5).digest())").stdout.strip()
    assert config.digest() == there


def test_the_digest_does_not_change_between_versions():
    assert Toy().digest() == "c230243f4e008705"


def test_configs_with_equal_shape_knobs_share_a_shape_key():
    assert Toy(eta=0.2).shape_key() == Toy(eta=0.3, seed=4).shape_key()
    assert Toy(d=4).shape_key() != Toy(d=5).shape_key()


def test_a_knob_reads_what_a_person_typed():
    assert Toy.knob("seed").parse(" 1e3 ") == 1000
    assert Toy.knob("eta").parse("1e-3") == 1e-3
    assert Toy.knob("flat").parse("no") is False
    with pytest.raises(ConfigError, match="eta='quick' is not a finite number"):
        Toy.knob("eta").parse("quick")


def test_knobs_know_their_name_type_and_order():
    assert list(Toy.knobs()) == ["d", "a", "eta", "shift", "sign", "flat", "seed"]
    assert Toy.knob("d") == Knob(name="d", type=int, default=3, doc="dimension", role="shape", bounds=(1, 100))
    assert Toy.names_with_role("live") == ("eta", "shift")


def test_a_subclass_has_its_own_knobs():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Longer(Toy):
        more: int = knob(1, "one more")

    assert Toy.knobs()
    assert list(Longer.knobs())[-1] == "more"
    assert issubclass(Longer, Config)
