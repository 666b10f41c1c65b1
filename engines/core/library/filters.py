"""Filters of stored runs as a reader types them: words, `tag:paper`, and knobs such as `alpha<0.1`."""

from __future__ import annotations

import re
import shlex
import sqlite3
from collections.abc import Iterator
from typing import Any

from engines.core.protocol.errors import ConfigError, UnknownName, quote

COMPARED = re.compile(r"([A-Za-z]\w*)\s*(<=|>=|!=|=|<|>)\s*(.+)")
FIELDS = ("engine", "preset", "name", "tag", "is")
STATES = {"interrupted": "interrupted", "broken": "broken != ''", "held": "claims > 0 AND held = claims"}
"""Conditions under which a run is what `is:` asks for."""

MANY = 50
"""The most terms that one text has."""

SqlCondition = tuple[str, list[Any]]


def conditions(connection: sqlite3.Connection, text: str) -> SqlCondition:
    """Translate what was typed into a condition on the table `runs`, and its values; every term must hold.

    Raises `ConfigError` or `UnknownName` for what is no filter, with the nearest name of a knob.
    """
    try:
        terms = shlex.split(text)
    except ValueError:
        raise ConfigError(f"{quote(text)} has a quotation mark that is not closed") from None
    if len(terms) > MANY:
        raise ConfigError(f"a filter has at most {MANY} terms, and not {len(terms)}")
    terms.sort(key=lambda term: bool(COMPARED.fullmatch(term)))  # a word is looked for sooner than a knob
    translated = list(_translated(connection, terms))
    return " AND ".join(f"({sql})" for sql, _ in translated) or "1", [
        value for _, values in translated for value in values
    ]


def _translated(connection: sqlite3.Connection, terms: list[str]) -> Iterator[SqlCondition]:
    for term in terms:
        compared, (field, colon, value) = COMPARED.fullmatch(term), term.partition(":")
        if compared:
            yield _knob(connection, *compared.groups())
        elif colon and field in FIELDS:
            yield _field(field, value)
        else:
            yield "instr(words, ?)", [term.lower()]


def _knob(connection: sqlite3.Connection, knob: str, sign: str, text: str) -> SqlCondition:
    if not connection.execute("SELECT 1 FROM knobs WHERE knob = ? LIMIT 1", [knob]).fetchone():
        knobs = [row[0] for row in connection.execute("SELECT DISTINCT knob FROM knobs")]
        raise UnknownName("knob", knob, knobs)
    return f"id IN (SELECT run FROM knobs WHERE knob = ? AND value {sign} ?)", [knob, _value(text)]


def _value(text: str) -> Any:
    try:
        return {"true": 1, "false": 0}.get(text.lower(), float(text) if text.lower() not in ("true", "false") else 0)
    except ValueError:
        return text


def _field(field: str, value: str) -> SqlCondition:
    if field == "tag":
        return "EXISTS (SELECT 1 FROM json_each(tags) WHERE json_each.value = ?)", [value]
    if field == "is":
        if value not in STATES:
            raise UnknownName("state", value, STATES)
        return STATES[value], []
    return f"{field} = ?", [value]
