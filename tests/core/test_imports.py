"""What is loaded when, in fresh interpreters; which file may import which is in tests/test_rooms.py."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
UI = {"panel", "bokeh", "holoviews", "hvplot", "param", "pyvista", "panel_material_ui", "dashboard"}
PRINT_MODULES = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"


def loaded_after(fresh_python, code):
    return set(fresh_python("-c", f"{code}\n{PRINT_MODULES}").stdout.split("\n")[-2].split())


def imported_by(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def sources(folder):
    return sorted((ROOT / folder).rglob("*.py"))


def test_importing_engines_imports_nothing_heavy(fresh_python):
    assert not loaded_after(fresh_python, "import engines") & (UI | {"torch", "numpy", "xarray"})


def test_a_run_is_plotted_where_the_facade_alone_was_imported(fresh_python):
    code = "import dynascope; print(type(dynascope.run('matrix_sensing', steps=3).plot('error')).__name__)"
    assert fresh_python("-c", code).stdout.split()[-1] == "Overlay"


def test_importing_the_facade_imports_nothing_heavy_and_offers_what_it_promises(fresh_python):
    assert not loaded_after(fresh_python, "import dynascope") & (UI | {"torch", "numpy", "xarray"})
    import dynascope

    assert set(dynascope.__all__) == {
        "Library", "Subject", "Sweep", "examine", "figure", "inspect", "lab", "load", "method", "names", "open",
        "resume", "run", "show", "sweep", "watch",
    }  # fmt: skip
    assert all(callable(getattr(dynascope, name)) for name in dynascope.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        dynascope.nothing  # noqa: B018


@pytest.mark.parametrize("line", [["--help"], ["serve", "--help"], ["desktop", "--help"]], ids=" ".join)
def test_the_help_of_the_command_line_imports_neither_torch_nor_panel(fresh_python, line):
    code = f"import launch\ntry: launch.main({line})\nexcept SystemExit: pass"
    assert not loaded_after(fresh_python, code) & (UI | {"torch", "numpy", "tqdm", "webview", "tornado"})


def test_the_headless_command_line_pulls_in_no_screen(fresh_python):
    assert not loaded_after(fresh_python, "import engines.core.commands.run") & UI


def test_only_what_keeps_files_knows_their_format():
    keepers = {"store.py", "export.py", "folder.py", "query.py"}  # runs, tables, sweeps, and questions about them
    assert {path.name for path in sources("engines") if "pyarrow" in set(imported_by(path))} == keepers


def test_waiting_threads_sleep_unless_the_environment_says_otherwise(fresh_python):
    code = "import os; {}; import engines; print(os.environ['OMP_WAIT_POLICY'])"
    assert fresh_python("-c", code.format("os.environ.pop('OMP_WAIT_POLICY', None)")).stdout == "PASSIVE\n"
    assert fresh_python("-c", code.format("os.environ['OMP_WAIT_POLICY'] = 'ACTIVE'")).stdout == "ACTIVE\n"
