"""The command `runs`, about stored ones. The result goes to stdout, everything else to stderr."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from engines.core.commands.terminal import as_text, text_table, verdict_line
from engines.core.data.plain_json import to_json, to_plain_types
from engines.core.library.library import Entry, Library

DIGITS = 6

WIDEST = 60
"""Characters of a cell of a printed table."""


def carry_out(arguments: argparse.Namespace) -> None:
    """Carry out one of `ACTIONS` and print what came of it."""
    with redirect_stdout(sys.stderr):  # what the code of an engine prints is no part of the result
        text = _text(ACTIONS[arguments.action](Library(arguments.library), arguments), arguments)
    print(text)


def _text(answer: Any, arguments: argparse.Namespace) -> str:
    """Write an answer for a program or a person."""
    if arguments.json:
        return to_json(answer)
    return "\n".join(_lines(answer))


def _lines(answer: Any) -> Iterator[str]:
    if isinstance(answer, dict) and "rows" in answer:
        columns = answer["columns"]
        yield from text_table([columns, *([_cell(row[name]) for name in columns] for row in answer["rows"])])
        if answer.get("found", 0) > len(answer["rows"]):
            yield f"{len(answer['rows']):,} of {answer['found']:,} runs (--limit)"
    elif isinstance(answer, dict):
        yield from (f"{name}  {as_text(value, DIGITS)}" for name, value in answer.items())
    else:
        yield str(answer)


def _cell(value: Any) -> str:
    text = as_text(value, DIGITS)
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


# -- what they do -----------------------------------------------------------------------------------------------


def _list(library: Library, arguments: argparse.Namespace) -> dict[str, Any]:
    entries, count = library.find(" ".join(map(shlex.quote, arguments.filter)), limit=arguments.limit)
    columns = ("id", "engine", "title", "members", "steps", "claims", "tags", "stored", "broken")
    rows = [_row(entry) for entry in entries]
    if arguments.json:
        return {"found": count, "runs": rows}
    shown = [row | {"claims": f"{row['held']}/{row['claims']}" if row["claims"] else "-"} for row in rows]
    return {"columns": columns, "rows": shown, "found": count}


def _row(entry: Entry) -> dict[str, Any]:
    return {"id": entry.id, "title": entry.title} | vars(entry)


def _show(library: Library, arguments: argparse.Namespace) -> dict[str, Any]:
    about = library.about(arguments.name)
    if arguments.json:
        return about
    entry = _row(library.entry(arguments.name))
    said = {key: about.get(key) for key in ("device", "dtype", "package", "version", "versions")}
    verdicts = {f"claim {n}": verdict_line(each) for n, each in enumerate(about.get("verdicts", ()), 1)}
    return entry | {"file": about["file"]} | said | verdicts


def _export(library: Library, arguments: argparse.Namespace) -> dict[str, Any]:
    from engines.core.files.export import require_suffix

    require_suffix(arguments.out)
    library.open(arguments.name).save(arguments.out)
    return {"written": str(Path(arguments.out))}


def _delete(library: Library, arguments: argparse.Namespace) -> dict[str, Any]:
    ids = [library.entry(name).id for name in arguments.names]  # all, before the first is deleted
    return {"deleted": [library.delete(name) for name in ids]}


def _restore(library: Library, arguments: argparse.Namespace) -> dict[str, Any]:
    return {"restored": [library.restore(name) for name in arguments.names]}


def _tag(library: Library, arguments: argparse.Namespace) -> dict[str, Any]:
    return {"tags": list(library.tag(arguments.name, arguments.tags, arguments.remove))}


def _note(library: Library, arguments: argparse.Namespace) -> dict[str, Any]:
    library.note(arguments.name, arguments.text)
    return {"note": arguments.text}


def _rename(library: Library, arguments: argparse.Namespace) -> dict[str, Any]:
    library.rename(arguments.name, arguments.to)
    return {"name": arguments.to}


def _rebuild(library: Library, arguments: argparse.Namespace) -> dict[str, Any]:
    def report(done: int, total: int) -> None:
        if done % 1000 == 0:
            print(f"{done:,} of {total:,} runs", file=sys.stderr, flush=True)

    return {"runs": library.rebuild(report)}


def _query(library: Library, arguments: argparse.Namespace) -> dict[str, Any]:
    rows = library.query(arguments.sql)
    records = rows.to_dict(orient="records")  # as JSON pandas would write 1e-20 as 0
    return {
        "columns": list(rows),
        "rows": [{str(name): _json_value(value) for name, value in each.items()} for each in records],
    }


def _json_value(value: Any) -> Any:
    """Return a value of a table in a type of JSON; a date or a decimal number is text."""
    value = to_plain_types(value)
    return value if value is None or isinstance(value, (bool, int, float, str, list, dict)) else str(value)


ACTIONS: Mapping[str, Callable[[Library, argparse.Namespace], dict[str, Any]]] = {
    "list": _list, "show": _show, "export": _export, "delete": _delete, "restore": _restore, "tag": _tag, "note": _note,
    "rename": _rename, "rebuild": _rebuild, "query": _query,
}  # fmt: skip
"""The functions that carry out `launch.py runs ACTION`."""
