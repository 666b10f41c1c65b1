"""What nobody should send, and what has to come of it: a value that can be used, or one sentence."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from engines.core.protocol.errors import LONGEST, DynascopeError

COSTLY = settings(max_examples=max(5, settings.default.max_examples // 10))
"""For an attempt that takes longer than a few milliseconds."""


TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["", " ", "nan", "inf", "-inf", "1e400", "1_0", "٣", "0x10", "1,2", "=", "true", "None", "\0", "a\nb", "<b>",
         "../x", "x" * 5000, "9" * 5000, "'; --", "%s%n", "\u2028", "\ud800"]
    ),
)  # fmt: skip
NUMBERS = st.one_of(
    st.integers(), st.floats(), st.sampled_from([0, -1, 1, 2**31, 2**63, 2**64, 10**400, -(10**400), 1e308, 5e-324])
)
PLAIN = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
"""What JSON and YAML can say, beside lists and tables."""

JSON = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=8
)
ANYTHING = st.one_of(
    JSON,
    st.binary(max_size=20),
    st.sampled_from(
        [Decimal("NaN"), Decimal(3), Fraction(1, 3), 3 + 0j, np.float64(0.5), np.int8(3), np.array([1.0, 2.0]),
         np.array(3), np.zeros((2, 2)), np.array([]), object, {1, 2}, range(3), ..., print, (1, (2, 3))]
    ),
)  # fmt: skip
"""What a call from Python can also pass."""


@contextmanager
def one_sentence(sentence: Callable[[str], Any] = lambda text: None) -> Iterator[None]:
    """Let through what works and what is refused in one short line; anything else that is raised fails the test."""
    try:
        yield
    except DynascopeError as error:
        check_sentence(str(error))
        sentence(str(error))


def check_sentence(text: str) -> None:
    assert text and len(text) <= LONGEST, text
    assert len(text.splitlines()) == 1, text
    assert "Traceback" not in text and "0x7f" not in text, text


def edited(draw: st.DrawFn, value: Any) -> Any:
    """A copy of JSON data in which a few places are replaced, left out or doubled."""
    value = json.loads(json.dumps(value))
    for _ in range(draw(st.integers(1, 3))):
        value = _edited_once(draw, value)
    return value


def _edited_once(draw: st.DrawFn, value: Any) -> Any:
    places = list(_places(value))
    if not places:
        return draw(JSON)
    holder, key = draw(st.sampled_from(places))
    match draw(st.integers(0, 3)):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, list):
            holder.append(holder[key])
        case 1:
            holder[draw(TEXTS)] = holder[key]
        case 2 if isinstance(holder[key], int | float):
            holder[key] = draw(NUMBERS)
        case _:
            holder[key] = draw(JSON)
    return value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place within JSON data, as what holds it and its key there."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(entries):
        yield value, key
        yield from _places(inner)


def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes of which some are changed, left out, doubled or added."""
    content = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(content) - 1)))
        size = draw(st.integers(1, 64))
        match draw(st.integers(0, 4)):
            case 0:
                content[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case 1:
                del content[at : at + size]
            case 2:
                content[at:at] = content[at : at + size]
            case 3:
                content[at : at + size] = draw(st.binary(min_size=size, max_size=size))
            case _:
                del content[at:]
    return bytes(content)
