"""Lessons, which anybody may have written."""

import os
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from dashboard.session import lessons
from tests.faults.hostile import COSTLY, JSON, TEXTS, check_sentence, damaged

LESSON = """---
title: A rate
lab: matrix_sensing
preset: P0
minutes: 3
hide: [library, probes]
set: {eta: 0.05}
---

## One

Text and `code`.

```set
eta: [0.05, 0.1]
```

```predict
question: Which?
choices: [a, b]
answer: a
reveal: It is a.
```

## Two

```set
preset: P2
alpha: 1e-3
```
"""
ALIASES = "&a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of lessons of one's own."""
    place = tmp_path_factory.mktemp("lessons")
    before = os.environ.get(lessons.FOLDER_VARIABLE)
    os.environ[lessons.FOLDER_VARIABLE] = str(place)
    yield place
    if before is None:
        del os.environ[lessons.FOLDER_VARIABLE]
    else:
        os.environ[lessons.FOLDER_VARIABLE] = before


def read(folder: Path, text: str | bytes) -> None:
    """Read a lesson with this text: it can be shown, or one sentence names the file; the file stays as it was."""
    content = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    (folder / "own.md").write_bytes(content)
    try:
        lesson = lessons.load("own")
    except lessons.LessonError as error:
        check_sentence(str(error))
        assert "own" in str(error)
    else:
        assert lesson.steps and lesson.lab == "matrix_sensing"
        assert all(step.question is None or step.question.choices for step in lesson.steps)
        assert all("<script" not in step.html for step in lesson.steps)
    assert (folder / "own.md").read_bytes() == content


def test_the_lesson_that_is_changed_here_can_be_read(folder):
    (folder / "own.md").write_text(LESSON)
    assert len(lessons.load("own").steps) == 2


@COSTLY
@given(st.data())
def test_a_lesson_that_was_changed_is_shown_or_refused(folder, data):
    read(folder, damaged(data.draw, LESSON.encode()))


WORDS = ["title", "lab", "preset", "set", "hide", "minutes", "order", "summary"]


@COSTLY
@given(st.dictionaries(st.sampled_from(WORDS) | TEXTS, JSON | st.sampled_from(["matrix_sensing", "P0"]), max_size=5),
       st.sampled_from(["set", "predict", "python"]), JSON)  # fmt: skip
@example({"title": "x", "lab": "matrix_sensing", "order": float("inf")}, "set", {"eta": [0.1, 0.2]})
@example({"title": "x", "lab": "matrix_sensing", "minutes": "9" * 5000}, "set", {"seed": list(range(5000))})
@example({"title": "x", "lab": "matrix_sensing"}, "predict",
         {"question": 1, "choices": 3, "answer": 3, "reveal": None})  # fmt: skip
def test_any_front_matter_and_any_block_is_shown_or_refused(folder, about, kind, block):
    dumped = [yaml.safe_dump(data, allow_unicode=True) for data in (about, block)]
    read(folder, f"---\n{dumped[0]}\n---\n\n## One\n\n```{kind}\n{dumped[1]}\n```\n")


@pytest.mark.parametrize(
    "text",
    [
        LESSON.replace("minutes: 3", f"minutes: {ALIASES}"),
        LESSON.replace("minutes: 3", "minutes: !!python/object/apply:os.system [true]"),
        LESSON.replace("minutes: 3", "minutes: " + "[" * 5000),
        LESSON.replace("minutes: 3", "minutes: " + "9" * 10_000),
        LESSON.replace("minutes: 3", "<<: {minutes: 3}"),
        LESSON.replace("minutes: 3", "minutes: 2001-01-01"),
        LESSON.replace("A rate", "<script>alert(1)</script>"),
        LESSON.replace("Text and", "<script>alert(1)</script>" + "> " * 3000),
        "---\n? [a, b]\n: 3\n---\n## One\n",
        "## " * 10_000,
        b"\xff\xfe\0\0",
        b"",
    ],
)
def test_what_grows_nests_or_calls_is_refused_or_shown_as_text(folder, text):
    read(folder, text)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink(path, path),
                                  lambda path: os.symlink("/dev/zero", path)])  # fmt: skip
def test_what_is_no_file_is_not_waited_for(folder, make):
    path = folder / "odd.md"
    make(path)
    try:
        with pytest.raises(lessons.LessonError) as caught:
            lessons.load("odd")
        check_sentence(str(caught.value))
    finally:
        path.rmdir() if path.is_dir() else path.unlink()
