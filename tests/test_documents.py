"""The documents are true: their code runs, their commands parse, and the files, links and names they cite exist."""

import argparse
import importlib
import re
import shlex
import sys
import tomllib
import types
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from markdown_it import MarkdownIt

import dynascope
from dynascope import flags
from engines.core.protocol.errors import UnknownName
from tests.conftest import ROOT
from tests.test_rooms import ROOMS

DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
FILE = re.compile(r"^(?:\.?[\w-]+/)*\.?[\w-]+\.(?:py|md|toml|txt|yml|yaml|cff|js|css|ipynb)$|^\.?[\w-]+/(?:[\w-]+/)*$")
"""What is meant as a file or a folder of the repository."""
FOR_EXAMPLE = {"__init__.py", "wrong_runs.py", "NAME.md", "assets/notebook.ipynb"}
MODULE = re.compile(r"^(?:engines|dashboard|dynascope)(?:\.\w+)+")
GROUPS = ("dynascope.engines", "dynascope.methods", "dynascope.subjects")
"""The entry points of engines, methods and subjects that are packages of their own: no modules."""
SOURCE = re.compile(r"""(?:src|srcset)="([^"]+)\"""")
INSTALLERS = ("pip", "uv")
OTHERS = {"python", "python3", ".", "jupyter", "panel", "pytest", "pre-commit", "bandit"}
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)[1].split()
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]


def tokens(path):
    """All tokens of a document, those within lines too."""
    for token in MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8")):
        yield token
        yield from token.children or ()


def blocks(*languages):
    """The code blocks in some languages, each a parameter named after its document and line."""
    return [
        pytest.param(token.content, id=f"{path.relative_to(ROOT)}:{token.map[0] + 1}")
        for path in DOCUMENTS
        for token in tokens(path)
        if token.type == "fence" and token.info.split(" ")[0] in languages
    ]


def commands():
    """Every shell command of a code block, each a parameter."""
    for block in blocks("sh", "console"):
        shell = block.id, block.values[0]
        for line in shell[1].splitlines():
            transcript = any(each.startswith("$ ") for each in shell[1].splitlines())
            if line and (line.startswith("$ ") or not transcript):
                for command in line.removeprefix("$ ").partition("  #")[0].partition(" #")[0].split(" && "):
                    yield pytest.param(command.strip(), id=f"{shell[0]} {command.strip()[:60]}")


def each(find):
    """What a document cites, each a parameter."""
    return [
        pytest.param(path, found, id=f"{path.relative_to(ROOT)} {found}")
        for path in DOCUMENTS
        for found in dict.fromkeys(find(path))
    ]


def inline_code(path):
    return [token.content.replace("\n", " ") for token in tokens(path) if token.type == "code_inline"]


def cited_files(path):
    return [code for code in inline_code(path) if FILE.match(code) and code not in FOR_EXAMPLE]


def cited_modules(path):
    return [found[0] for code in inline_code(path) if (found := MODULE.match(code)) and found[0] not in GROUPS]


def cited_links(path):
    for token in tokens(path):
        for name in ("href", "src"):
            if token.attrs.get(name):
                yield str(token.attrs[name])
        if token.type.startswith("html"):
            yield from SOURCE.findall(token.content)


def anchors(path):
    """The anchors that a document's headings get."""
    parsed = list(tokens(path))
    heads = [after.content for token, after in pairwise(parsed) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("code", blocks("python"))
def test_the_python_of_a_document_runs(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    document = types.ModuleType("document")  # dataclasses look their annotations up in a module
    monkeypatch.setitem(sys.modules, "document", document)
    exec(compile(code, "document", "exec"), vars(document))
    for value in list(vars(document).values()):
        if hasattr(value, "link") and hasattr(value, "close"):  # a widget computes until it is closed
            value.close()


@pytest.mark.parametrize("text", blocks("toml"))
def test_the_settings_of_a_document_can_be_read(text):
    assert tomllib.loads(text)


@pytest.mark.parametrize("command", list(commands()))
def test_a_command_of_a_document_can_be_given(command):
    program, *words = shlex.split(command)
    if program == "make":
        assert {word for word in words if "=" not in word} <= set(TARGETS)
    elif program == "python" and words[:1] == ["launch.py"]:
        check_launch(words[1:])
    elif program in INSTALLERS:
        assert {name for found in re.findall(r"\[(.*?)\]", command) for name in found.split(",")} <= set(EXTRAS)
        assert all((ROOT / name).is_file() for name in re.findall(r"-c (\S+)", command))
    else:
        assert program in OTHERS
        assert all(find_spec(plugin) for plugin in re.findall(r"-p (\S+)", command))


def check_launch(words):
    """Have the real parser take a command line, and look its names up."""
    chosen, more = flags.parser().parse_known_args(words)
    if more:
        assert chosen.command == "serve"
        check_flags_of_panel(more)
    engine = getattr(chosen, "engine", None) or getattr(chosen, "lab", None)
    if engine and engine in dynascope.names():
        check_names(dynascope.load(engine), chosen)


def check_flags_of_panel(words):
    from panel.command.serve import Serve

    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    Serve(parser=parser)
    assert not parser.parse_known_args(words)[1]


def check_names(engine, chosen):
    if getattr(chosen, "preset", None):
        engine.preset(chosen.preset)
    for name, text in getattr(chosen, "set", ()) or ():
        knob = engine.Config.knob(name)
        for value in text.split(","):
            assert knob.choices is None or value in knob.choices
    if getattr(chosen, "probe", None):
        engine.probe(chosen.probe)


@pytest.mark.parametrize(("path", "code"), each(lambda path: [c for c in inline_code(path) if c.startswith("make ")]))
def test_a_target_that_a_sentence_names_exists(path, code):
    assert {word for word in shlex.split(code)[1:] if "=" not in word} <= set(TARGETS)


@pytest.mark.parametrize(("path", "code"), each(lambda path: [c for c in inline_code(path) if "launch.py " in c]))
def test_a_command_that_a_sentence_names_exists(path, code, capsys):
    words = shlex.split(code.partition("launch.py ")[2])
    with pytest.raises(SystemExit) as left:
        flags.parser().parse_args([words[0], "--help"])
    assert left.value.code == 0
    offered = set(re.findall(r"--[a-z][\w-]*", capsys.readouterr().out))
    assert {word for word in words if word.startswith("--")} <= offered


@pytest.mark.parametrize(("path", "name"), each(cited_files))
def test_a_file_that_a_document_cites_exists(path, name):
    assert (ROOT / name).exists()


@pytest.mark.parametrize(("path", "name"), each(cited_modules))
def test_a_module_that_a_document_cites_exists(path, name):
    parts = name.split(".")
    for size in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:size]))
        except ModuleNotFoundError:
            continue
        for part in parts[size:]:
            found = getattr(found, part)
        return
    raise UnknownName("module", name, [])


@pytest.mark.parametrize(("path", "link"), each(cited_links))
def test_a_link_of_a_document_leads_somewhere(path, link):
    if link.startswith(("http://", "https://")):
        return
    name, _, anchor = link.partition("#")
    target = path.parent / name if name else path
    assert target.exists()
    assert not anchor or anchor in anchors(target)


@pytest.mark.parametrize("text", blocks("markdown"))
def test_the_lesson_of_a_document_can_be_opened(text, tmp_path, monkeypatch):
    from dashboard.session import lessons

    monkeypatch.setenv(lessons.FOLDER_VARIABLE, str(tmp_path))
    (tmp_path / "example.md").write_text(text, encoding="utf-8")
    lesson = lessons.load("example")
    assert lesson.experiment(dynascope.load(lesson.lab), len(lesson.steps) - 1)


BLANK = 50_000
"""Bytes below which a picture shows a page before anything is on it: that takes 12,000, a lab 180,000."""


def test_no_picture_of_the_documents_is_blank():
    pictures = sorted((ROOT / "assets" / "screenshots").glob("*.png"))
    assert pictures and [path.name for path in pictures if path.stat().st_size < BLANK] == []


def test_all_documents_are_in_the_navigation_of_the_site():
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    listed = {name for entry in site["nav"] for name in entry.values()}
    assert listed == {path.name for path in DOCUMENTS} - {"README.md"}


def test_the_command_of_the_readme_is_what_has_to_pass():
    steps = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "checks.yml").read_text(encoding="utf-8"))
    public = {step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step}
    for command in ("make lint", "make test"):
        assert re.search(command.replace(" ", r" .*\b") + r"\b", steps)
        assert command in public
    assert "make test " in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_hooks_before_a_commit_have_the_pinned_versions():
    pinned = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    revisions = {Path(repo["repo"]).name: repo["rev"] for repo in hooks["repos"]}
    assert revisions["ruff-pre-commit"] == f"v{pinned['ruff']}"
    assert revisions["pyright-python"] == f"v{pinned['pyright']}"


@pytest.mark.parametrize("floor", ["engines/core", "engines/loss_landscape", "dashboard"])
def test_the_floor_plan_shows_every_room_in_its_order(floor):
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").partition("## Glossary")[0]
    rooms = {folder.parent.name for folder in (ROOT / floor).glob("*/__init__.py")}
    order = [name for name in reversed(ROOMS[floor.replace("/", ".")]) if name in rooms]
    assert re.findall(rf"^\| `{floor}/(\w+)/` \|", text, re.MULTILINE) == order


def test_the_glossary_is_short_and_each_word_stands_once_in_order():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").partition("## Glossary")[2]
    words = re.findall(r"^\| ([\w -]+) \|", text, re.MULTILINE)[1:]
    assert words == sorted(set(words))
    assert len(words) <= 60


def test_every_part_that_a_lesson_can_hide_is_listed():
    from dashboard.session.view_state import PARTS

    text = " ".join((ROOT / "docs/lessons.md").read_text(encoding="utf-8").split())
    said = re.search(r"The parts that can be hidden are (.*?)\.", text)
    assert said and sorted(re.findall(r"`(\w+)`", said[1])) == sorted(PARTS)
