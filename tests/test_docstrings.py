"""Docstrings stand alone: their first line says what a thing does or names it, and tensors come with their shapes."""

import ast
import re
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import ROOT

PACKAGES = ("dashboard", "dynascope", "engines")

RIDDLE = re.compile(
    r"(?:Of|And|What|But|Or|Nor|So|Also|Likewise|Ditto|They|Them|Then|The same|Its|Their|That|Those|This|These|It|"
    r"With|Where|When|Who|From|Less|Fewer|More|Only|Here|There|Same|As|By|Used|Added|Listed|No|Not|None)\b(?!-)",
    re.IGNORECASE,
)
"""A beginning that stands on a line before it, or asks for the thing instead of naming it.

`Whether` and `Which` do name what a function answers, and so does `How`.
"""

QUESTION = re.compile(r"(?:What|When|Where|Who)\b", re.IGNORECASE)
"""A beginning that names a knob or a channel by a question: `what is trained`."""

SHAPE = re.compile(r"(?<![\w\])])\[(?!0,|-)[\w ,*+/(){}-]+\]")
"""The shape of a tensor: no place in one, as `W[i]` is, and no interval, as `[0, 1]` is."""

EXAMPLE = re.compile(r"^\s*>>>.*$", re.MULTILINE)

TENSORS = frozenset({"Tensor", "ndarray", "NDArray"})

FOR_READERS = frozenset({"ConfigError", "UnknownName", "StoreError", "EngineFailure"})

LOCAL = "<locals>"

Function = (ast.FunctionDef, ast.AsyncFunctionDef)


class Docstring(NamedTuple):
    """A docstring and the thing that it is of."""

    name: str
    line: int
    text: str
    node: ast.AST | None

    @property
    def first(self):
        return self.text.strip().split("\n")[0].strip()


def docstrings(path: Path) -> list[Docstring]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [Docstring(path.stem, 1, ast.get_docstring(tree) or "", tree), *_within(tree, "")]


def _within(parent: ast.AST, prefix: str) -> Iterator[Docstring]:
    """Docstrings of classes, functions and attributes, those of private ones too."""
    body = getattr(parent, "body", [])
    for before, node in zip([None, *body], body, strict=False):
        if isinstance(node, (ast.ClassDef, *Function)):
            name = f"{prefix}{node.name}"
            yield Docstring(name, node.lineno, ast.get_docstring(node) or "", node)
            yield from _within(node, f"{name}." if isinstance(node, ast.ClassDef) else f"{name}.{LOCAL}.")
        elif _is_text(node) and isinstance(before, ast.Assign | ast.AnnAssign):
            target = before.targets[0] if isinstance(before, ast.Assign) else before.target
            yield Docstring(prefix + ast.unparse(target), node.lineno, node.value.value, None)


def _is_text(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def stands_alone(first: str) -> bool:
    """Whether a first line begins with itself, and has the words for a verb or a quantity with what it is of.

    >>> stands_alone("Of learning."), stands_alone("The spectrum."), stands_alone("The eigenvalues of H, descending.")
    (False, False, True)
    """
    return not RIDDLE.match(first) and len(re.findall(r"\w+", first)) > 2


def words(annotation: ast.AST) -> set[str]:
    """Return all names in an annotation, those in text among them.

    >>> sorted(words(ast.parse("dict[str, 'np.ndarray']")))
    ['dict', 'ndarray', 'np', 'str']
    """
    found = set()
    for node in ast.walk(annotation):
        if isinstance(node, ast.Name | ast.Attribute):
            found.add(node.id if isinstance(node, ast.Name) else node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.update(re.findall(r"\w+", node.value))
    return found


@cache
def aliases(path: Path) -> frozenset[str]:
    """Find the types that a file makes of tensors: `Knobs = Mapping[str, Tensor]`, and what is made of `Knobs`."""
    found = set(TENSORS)
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        is_type = isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript | ast.BinOp | ast.Name)
        if is_type and isinstance(node.targets[0], ast.Name) and not node.targets[0].id.isupper():
            found.update([node.targets[0].id] if found & words(node.value) else [])
    return frozenset(found - TENSORS)


@cache
def tensor_types(path: Path) -> frozenset[str]:
    """Find the names by which a file speaks of tensors: their own, and those of types that it makes or imports."""
    found = {*TENSORS, *aliases(path)}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            source = ROOT.joinpath(*node.module.split(".")).with_suffix(".py")
            there = aliases(source) if source.exists() else frozenset()
            found.update(alias.asname or alias.name for alias in node.names if alias.name in there)
    return frozenset(found)


def takes_tensors(node, types: Collection[str] = TENSORS) -> bool:
    """Whether a function's arguments or its result are annotated with tensors, or with what is made of them.

    >>> def takes(text): return takes_tensors(ast.parse(text).body[0], TENSORS | {"Knobs"})
    >>> takes("def f(x: int): ..."), takes("def f(x: int) -> dict[str, np.ndarray]: ..."), takes("def f(k: Knobs): ...")
    (False, True, True)
    """
    arguments = node.args
    given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    annotations = [each.annotation for each in given if each] + [node.returns]
    return any(not words(annotation).isdisjoint(types) for annotation in annotations if annotation)


def says_shapes(text: str) -> bool:
    """Whether a docstring has the shape of a tensor; examples do not count.

    >>> says_shapes("Losses `[B]`."), says_shapes("A share in [0, 1]."), says_shapes("A row `W[i]`.")
    (True, False, False)
    """
    return bool(SHAPE.search(EXAMPLE.sub("", text)))


def is_public(name: str) -> bool:
    return not any(part.startswith("_") or part == LOCAL for part in name.split("."))


def unclear(path: Path) -> list[str]:
    """First lines that do not stand alone; an attribute's may be its shape alone, as its name stands before it."""
    return [
        f"{doc.line}: {doc.name}: {doc.first}"
        for doc in docstrings(path)
        if doc.text and (not stands_alone(doc.first) if doc.node else RIDDLE.match(doc.first))
    ]


def texts_for_readers(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the literal words with which an engine explains knobs, channels, plots and probes, and their lines.

    >>> list(texts_for_readers(ast.parse("knob(1, 'of a map'); Plot(doc=f'The same {x}'); knob(1, words); f(2, 'a')")))
    [(1, 'of a map'), (1, 'The same ')]
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            given = [keyword.value for keyword in node.keywords if keyword.arg == "doc"]
            for text in given + (node.args[1:2] if ast.unparse(node.func) == "knob" else []):
                first = next(ast.iter_child_nodes(text), text) if isinstance(text, ast.JoinedStr | ast.BinOp) else text
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    yield first.lineno, first.value


def riddles(path: Path) -> list[str]:
    """Words for readers that stand on a heading before them: where they are read there may be none."""
    found = texts_for_readers(ast.parse(path.read_text(encoding="utf-8")))
    return [f"{line}: {text}" for line, text in found if RIDDLE.match(text) and not QUESTION.match(text)]


def of_tensors(path: Path) -> list[Docstring]:
    """List the public functions of tensors."""
    return [
        doc
        for doc in docstrings(path)
        if isinstance(doc.node, Function) and is_public(doc.name) and takes_tensors(doc.node, tensor_types(path))
    ]


def shapeless(path: Path) -> list[str]:
    return [f"{doc.line}: {doc.name}: {doc.first}" for doc in of_tensors(path) if not says_shapes(doc.text)]


def raised(function: ast.AST) -> Iterator[str]:
    """Yield the names of errors that a function raises itself, not in functions inside of it."""
    for node in ast.iter_child_nodes(function):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            yield ast.unparse(node.exc.func)
        if not isinstance(node, (*Function, ast.Lambda)):
            yield from raised(node)


def silent(path: Path) -> list[str]:
    """List public functions that raise an error for a reader, and do not say so."""
    return [
        f"{doc.line}: {doc.name}: {doc.first}"
        for doc in docstrings(path)
        if isinstance(doc.node, Function)
        and is_public(doc.name)
        and doc.text
        and not FOR_READERS.isdisjoint(raised(doc.node))
        and not re.search("[Rr]aise|Errors as|[Rr]efuse", doc.text)
    ]


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", [*sources(*PACKAGES), ROOT / "launch.py"], ids=named)
def test_the_first_line_of_a_docstring_stands_alone(path):
    assert not unclear(path)


@pytest.mark.parametrize("path", sources("engines"), ids=named)
def test_words_for_readers_stand_alone(path):
    assert not riddles(path)


@pytest.mark.parametrize("path", sources("engines"), ids=named)
def test_a_public_function_of_tensors_says_their_shapes(path):
    assert not shapeless(path)


@pytest.mark.parametrize("path", sources(*PACKAGES), ids=named)
def test_a_public_function_says_which_errors_for_a_reader_it_raises(path):
    assert not silent(path)


if __name__ == "__main__":
    for source in [*sources(*PACKAGES), ROOT / "launch.py"]:
        beginnings, shapes = unclear(source), shapeless(source) if source.is_relative_to(ROOT / "engines") else []
        if beginnings or shapes:
            print(f"{named(source)}: {len(beginnings)} first lines, {len(shapes)} functions without shapes")
    functions = [doc for source in sources("engines") for doc in of_tensors(source)]
    print(
        f"{sum(says_shapes(doc.text) for doc in functions)} of {len(functions)} functions of tensors say their shapes"
    )
