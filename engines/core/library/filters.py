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
CONDITIONS = {"interrupted": "interrupted", "broken": "broken != ''", "held": "claims > 0 AND held = claims"}
"""Conditions under which a run is what `is:` asks for."""

MANY = 50
"""The most terms that one text has."""

FEW = 500
"""Runs below which it is sooner to ask for them one by one than to look through all."""

SHORTEST = 3
"""Letters of the shortest word that `texts` finds: it knows words by all their parts of three letters."""

SqlCondition = tuple[str, list[Any]]


def conditions(connection: sqlite3.Connection, text: str, newest: bool = False) -> SqlCondition:
    """Translate what was typed into a condition on the table `runs`, and its values; every term must hold.

    Either some of the `newest` runs are asked for, or all are counted: what is quick for the one is slow for the other.
    Raises `ConfigError` or `UnknownName` for what is no filter, with the nearest name of a knob.
    """
    try:
        terms = shlex.split(text)
    except ValueError:
        raise ConfigError(f"{quote(text)} has a quotation mark that is not closed") from None
    if len(terms) > MANY:
        raise ConfigError(f"a filter has at most {MANY} terms, and not {len(terms)}")
    translated = list(_translated(connection, terms, newest))
    return " AND ".join(f"({sql})" for sql, _ in translated) or "1", [
        value for _, values in translated for value in values
    ]


def _translated(connection: sqlite3.Connection, terms: list[str], newest: bool) -> Iterator[SqlCondition]:
    compared, fields, words = [], [], []
    for term in terms:
        match, (field, colon, value) = COMPARED.fullmatch(term), term.partition(":")
        if match:
            compared.append(match.groups())
        elif colon and field in FIELDS:
            fields.append((field, value))
        else:
            words.append(term.lower())
    few = list(_few(connection, words + [value.lower() for field, value in fields if field != "is"]))
    yield from few
    yield from (("instr(words, ?)", [word]) for word in words)
    yield from (_field(field, value) for field, value in fields)
    for knob, sign, text in compared:
        yield _knob(connection, knob, sign, text, narrowed=bool(few or fields), newest=newest)


def _few(connection: sqlite3.Connection, words: list[str]) -> Iterator[SqlCondition]:
    """Narrow the search to the few runs that have these words; of many, the newest are met soon by looking at each."""
    parts = ['"' + word.replace('"', '""') + '"' for word in words if len(word) >= SHORTEST and "\0" not in word]
    if parts and has_texts(connection):
        matching = "SELECT rowid FROM texts WHERE texts MATCH ?", " AND ".join(parts)
        if len(connection.execute(f"{matching[0]} LIMIT {FEW}", matching[1:]).fetchall()) < FEW:
            yield f"id IN ({matching[0]})", [matching[1]]


def has_texts(connection: sqlite3.Connection) -> bool:
    """Whether the index finds words without a look through all runs."""
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'texts'").fetchone() is not None


def _knob(
    connection: sqlite3.Connection, knob: str, sign: str, text: str, narrowed: bool, newest: bool
) -> SqlCondition:
    """Compare a knob: of all runs through its values, of few, those that are left by other terms, through theirs."""
    if not connection.execute("SELECT 1 FROM knobs WHERE knob = ? LIMIT 1", [knob]).fetchone():
        knobs = [row[0] for row in connection.execute("SELECT DISTINCT knob FROM knobs")]
        raise UnknownName("knob", knob, knobs)
    where, values = f"knob = ? AND value {sign} ?", [knob, _value(text)]
    if newest and not narrowed:  # those of many are met soon
        narrowed = len(connection.execute(f"SELECT 1 FROM knobs WHERE {where} LIMIT {FEW}", values).fetchall()) == FEW
    if narrowed:
        return f"EXISTS (SELECT 1 FROM knobs WHERE run = id AND {where})", values
    return f"id IN (SELECT run FROM knobs WHERE {where})", values


def _value(text: str) -> Any:
    try:
        return {"true": 1, "false": 0}.get(text.lower(), float(text) if text.lower() not in ("true", "false") else 0)
    except ValueError:
        return text


def _field(field: str, value: str) -> SqlCondition:
    if field == "tag":
        return "EXISTS (SELECT 1 FROM json_each(tags) WHERE json_each.value = ?)", [value]
    if field == "is":
        if value not in CONDITIONS:
            raise UnknownName("condition", value, CONDITIONS)
        return CONDITIONS[value], []
    return f"{field} = ?", [value]
