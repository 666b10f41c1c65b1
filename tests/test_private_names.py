"""Tests use what anybody may use: an attribute that begins with `_` is its file's own, and may change without a word.

Named tuples' own methods (`_replace`, `_fields`) are public; so is what a class says of itself.
"""

import ast
from collections.abc import Iterator

from tests.conftest import ROOT

ALLOWED = {
    # Bokeh keeps how types are written by this name; the test puts back what the module replaces.
    "tests/dashboard/server/test_cached_answers.py": {"_HasProps_to_serializable", "_encoders"},
    # Bokeh receives the parts of a message by this name, and the module replaces it.
    "tests/dashboard/server/test_request_filter.py": {"_receive"},
    # Panel calls it where a page in a notebook has closed, and has no other word for that.
    "tests/dashboard/test_notebook.py": {"_cleanup"},
    "tests/dashboard/ui/test_page_updates.py": {"_cleanup"},
    # Panel schedules messages by this name; without the mark on it a page breaks only now and then.
    "tests/dashboard/ui/test_component.py": {"_event_coroutine"},
    # PyTorch's documents have authors of a kind of Tensor use the first three; views are told by the last alone.
    "tests/pretend_gpu.py": {"_C", "_disabled_torch_function_impl", "_make_wrapper_subclass", "_schema"},
}
"""Private names that have no public way, by file, and why."""

OF_NAMED_TUPLES = {"_replace", "_fields", "_asdict", "_make"}

BY_NAME = {"setattr", "getattr", "delattr", "hasattr"}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and len(name) > 1 and name not in OF_NAMED_TUPLES


def private_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield lines and private names of other things: read, written, imported, or given as text to `setattr`.

    >>> code = "a._b; self._c; a._replace(); from a import _d; setattr(a, '_e', 1)"
    >>> sorted(name for _, name in private_names(ast.parse(code)))
    ['_b', '_d', '_e']
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")):
                yield node.lineno, node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, alias.name) for alias in node.names if is_private(alias.name))
        elif isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            texts = (
                [each.value for each in node.args[:2] if isinstance(each, ast.Constant)] if called in BY_NAME else []
            )
            last = [text.rpartition(".")[2] for text in texts if isinstance(text, str)]
            yield from ((node.lineno, name) for name in last if is_private(name))


def found() -> dict[str, list[tuple[int, str]]]:
    names = {}
    for path in sorted((ROOT / "tests").rglob("*.py")):
        if here := list(private_names(ast.parse(path.read_text(encoding="utf-8")))):
            names[str(path.relative_to(ROOT))] = here
    return names


def test_tests_use_public_names_alone_but_for_those_that_are_listed_with_their_reason():
    assert {path: {name for _, name in names} for path, names in found().items()} == ALLOWED


if __name__ == "__main__":
    lines = {(path, line) for path, names in found().items() for line, _ in names}
    print(f"{len(lines)} lines of tests use private names, in {len(found())} files")
