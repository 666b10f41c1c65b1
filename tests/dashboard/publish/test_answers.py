"""The overview of a class counts what the files of its students say, and shows it as text."""

import os

import pytest

from dashboard.publish.answers import overview, read
from engines.core.protocol.errors import StoreError
from launch import main

HEAD = '\ufeff"lesson","page","question","answer","right","time"\r\n'


def file(folder, name, *answers):
    lines = "".join(
        f'"edge","{page}","How, ""fast""?","{text}","{right}","2026-01-01"\r\n' for page, text, right in answers
    )
    path = folder / f"{name}.csv"
    path.write_text(HEAD + lines, encoding="utf-8", newline="")
    return path


def test_right_answers_and_common_errors_are_counted(tmp_path, capsys):
    paths = [
        file(tmp_path, "ada", (2, "faster", "yes"), (3, "<b>no</b>", "no")),
        file(tmp_path, "ben", (2, "slower", "no"), (3, "<b>no</b>", "no")),
        file(tmp_path, "eve", (2, "slower", "no")),
    ]
    assert main(["answers", *map(str, paths), "--html", str(tmp_path / "class.html")]) == 0
    page = (tmp_path / "class.html").read_text()
    assert "Answers of 3 students" in page and "How, &quot;fast&quot;?" in page and "<b>no" not in page
    assert "1 of 3 <span class='note'>(33%)" in page and "slower <span class='note'>(2)" in page
    assert "0 of 2 <span class='note'>(0%)" in page and "&lt;b&gt;no&lt;/b&gt; <span class='note'>(2)" in page
    assert page.index("ada") < page.index("ben") < page.index("eve") and "class.html" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no answers"),
        ("a,b\n1,2\n", "is no file of answers: line 2"),
        (f"lesson,page,question,answer,right\nedge,{'9' * 5000},?,x,yes\n", "is no file of answers: line 2"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_other_files_are_named(tmp_path, content, message):
    path = tmp_path / "x.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(StoreError, match=message):
        read(path)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.csv")
    with pytest.raises(StoreError, match="there is no such file"):
        read(tmp_path / "x.csv")


def test_two_files_of_one_name_are_refused(tmp_path):
    (tmp_path / "other").mkdir()
    same = [read(file(folder, "ada", (1, "x", "yes"))) for folder in (tmp_path, tmp_path / "other")]
    with pytest.raises(StoreError, match="two files are called 'ada'"):
        overview(same)
