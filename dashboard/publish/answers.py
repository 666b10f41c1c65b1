"""An overview of the answers that a class gave in lessons, as one page: how many were right, and which were common."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from dashboard.ui.component import sheet
from engines.core.protocol.errors import StoreError, quote
from engines.core.protocol.paths import require_file

COLUMNS = ("lesson", "page", "question", "answer", "right", "time")
"""Columns of the file that a lesson saves."""

LARGEST = 2**20
"""Bytes of the answers of one student."""

MOST_ERRORS = 3
"""Wrong answers of a question that are shown."""


class Answer(NamedTuple):
    """One answer of one student."""

    student: str
    lesson: str
    page: int
    question: str
    answer: str
    right: bool


def read(path: Path) -> list[Answer]:
    """Read the file of one student, whom its name names. Raises `StoreError` for what is no such file."""
    try:
        require_file(path)
        if path.stat().st_size > LARGEST:
            raise StoreError(
                f"{path} has {path.stat().st_size:,} bytes; the answers of a student have at most {LARGEST:,}"
            )
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise StoreError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    answers = []
    for place, row in enumerate(rows, 2):
        page = row.get("page") or ""
        whole = page.isdecimal() and len(page) < 5
        if any(row.get(name) is None for name in COLUMNS) or not whole or row["right"] not in ("yes", "no"):
            raise StoreError(f"{path} is no file of answers: line {place} does not have {', '.join(COLUMNS)}")
        right = row["right"] == "yes"
        answers.append(Answer(path.stem, row["lesson"], int(page), row["question"], row["answer"], right))
    if not answers:
        raise StoreError(f"{path} holds no answers")
    return answers


def overview(students: Iterable[Sequence[Answer]]) -> str:
    """Write the page. Raises `StoreError` where two files have one name."""
    every = list(students)
    names = [answers[0].student for answers in every]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise StoreError(f"two files are called {quote(twice[0])}: their names tell students apart")
    groups: dict[str, dict[tuple[int, str], list[Answer]]] = {}
    for answer in (answer for answers in every for answer in answers):
        groups.setdefault(answer.lesson, {}).setdefault((answer.page, answer.question), []).append(answer)
    lessons = "".join(_lesson(name, questions) for name, questions in sorted(groups.items()))
    many = f"{len(every)} student{'s' * (len(every) != 1)}"
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
        f"<title>Answers of {many}</title><style>{sheet('answers')}</style><main><h1>Answers of {many}</h1>"
        f"{lessons}{_students(every)}</main></html>\n"
    )


def _lesson(name: str, questions: Mapping[tuple[int, str], Sequence[Answer]]) -> str:
    head = "<tr><th>page</th><th>question</th><th>right</th><th>common errors</th></tr>"
    rows = "".join(_question(page, text, given) for (page, text), given in sorted(questions.items()))
    return f"<section><h2>{escape(name)}</h2><table><thead>{head}</thead><tbody>{rows}</tbody></table></section>"


def _question(page: int, text: str, given: Sequence[Answer]) -> str:
    right = sum(answer.right for answer in given)
    wrong = Counter(answer.answer for answer in given if not answer.right).most_common(MOST_ERRORS)
    errors = "".join(f"<li>{escape(answer)} <span class='note'>({count})</span></li>" for answer, count in wrong)
    share = f"{right} of {len(given)} <span class='note'>({right / len(given):.0%})</span>"
    return (
        f"<tr><td class='number'>{page}</td><td>{escape(text)}</td><td class='number'>{share}</td>"
        f"<td>{f'<ul>{errors}</ul>' if errors else '–'}</td></tr>"
    )


def _students(every: Sequence[Sequence[Answer]]) -> str:
    rows = "".join(
        f"<tr><td>{escape(answers[0].student)}</td><td class='number'>{len({answer.lesson for answer in answers})}</td>"
        f"<td class='number'>{sum(answer.right for answer in answers)} of {len(answers)}</td></tr>"
        for answers in sorted(every, key=lambda answers: answers[0].student)
    )
    head = "<tr><th>file</th><th>lessons</th><th>right</th></tr>"
    return f"<section><h2>Students</h2><table><thead>{head}</thead><tbody>{rows}</tbody></table></section>"
