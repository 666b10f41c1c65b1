"""The order of the rooms: each imports only from rooms below it, and no files of one import each other in a circle.

Imports inside functions and for type checkers count, too.
"""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = {
    "dashboard": "ui session figures publish runs server controls probes page app watching notebook desktop".split(),
    "engines.core": (
        "data protocol numerics subjects compute methods analysis files runs library watch live api sweeps commands"
    ).split(),
    "engines.loss_landscape": (
        "config channels models training degeneracy interaction hessian learning_coefficient loss_surface memory "
        "relevance dynamics probes predictions cautions plots story verdicts presets sweeps glossary engine wrong_runs"
    ).split(),
}
"""From bottom to top."""

SCREENS = ("dashboard", "panel", "bokeh", "holoviews", "hvplot", "param", "pyvista", "panel_material_ui")

BOKEH = {
    "dashboard.figures.marks": "draws figures",
    "dashboard.probes.pictures": "draws what probes found",
    "dashboard.probes.result": "shows it",
    "dashboard.runs.comparison_curve": "draws the curve beside the table of differences",
    "dashboard.publish.elements": "has HoloViews draw with it, too",
    "dashboard.publish.frames": "records what changes of figures",
    "dashboard.publish.replay": "puts figures into a file that draws them itself",
    "dashboard.ui.page_updates": "sends style sheets to notebooks",
    "dashboard.server": "goes before the rules of Bokeh's own server",
}
"""Who may import bokeh, and why."""

THREADS = {
    "engines.core.live.scheduler": "computes runs",
    "engines.core.sweeps": "computes tasks in processes",
    "engines.core.subjects.kernels": "turns switches that all threads share",
    "engines.core.live.admission": "keeps one book for all threads",
    "engines.core.compute.cuda_graph": "has threads capture one graph at a time",
    "dashboard.probes.pictures": "renders scenes",
    "dashboard.runs.background_jobs": "reads and stores runs, and makes files",
    "dashboard.publish.printing": "lets figures take turns in matplotlib, which is one for a process",
    "dashboard.app": "waits for pages that are made beside the event loop",
    "dashboard.page.background": "makes labs beside the event loop",
    "dashboard.watching": "reads runs beside the event loop",
    "dashboard.desktop": "serves beside the window",
    "dashboard.notebook": "lets messages, cells and ticks take turns",
    "dashboard.server.native_window": "waits for the end of its input",
    "dashboard.server.open_pages": "waits a moment after the last page was closed",
}
"""Who may start threads or wait for them, and why."""


def imported(path):
    """What a file imports, by full names; the last part of one may be a module or something in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for folder in ("dashboard", "engines")
    for path in sorted((ROOT / folder).rglob("*.py"))
}
IMPORTS = {module: set(imported(path)) for module, path in FILES.items()}


def inside(module, package):
    return module == package or module.startswith(package + ".")


def importers(*packages):
    return {module for module, names in IMPORTS.items() if any(inside(n, p) for n in names for p in packages)}


def among(packages):
    return {module for module in FILES if any(inside(module, package) for package in packages)}


@pytest.mark.parametrize("package", ROOMS)
def test_a_room_imports_only_from_rooms_below_it(package):
    rooms = [f"{package}.{room}" for room in ROOMS[package]]
    assert among([package]) - {package} == among(rooms)
    for place, room in enumerate(rooms):
        assert not among([room]) & importers(*rooms[place + 1 :]), f"{room} looks up"


def test_no_files_of_a_room_import_each_other_in_a_circle():
    halls = ("engines.core", "engines.loss_landscape")
    room = lambda module: module.split(".")[: 3 if any(inside(module, hall) for hall in halls) else 2]  # noqa: E731
    files = {m: {n if n in FILES else n.rpartition(".")[0] for n in names} for m, names in IMPORTS.items()}
    same_room = {module: {name for name in names if room(name) == room(module)} for module, names in files.items()}
    try:
        TopologicalSorter(same_room).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_engines_know_nothing_of_a_screen_and_pages_nothing_of_torch():
    assert not importers(*SCREENS) & among(["engines"])
    assert not importers("torch") & among(["dashboard"])


def test_only_those_who_draw_import_bokeh():
    assert importers("bokeh") <= among(BOKEH)


def test_only_those_who_work_beside_the_page_start_threads():
    assert importers("threading", "concurrent", "multiprocessing", "asyncio") <= among(THREADS)


def test_pages_open_without_what_draws_for_print():
    code = "import dashboard.app, sys; print({'matplotlib.pyplot', 'holoviews.plotting.mpl'} & {*sys.modules})"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True).stdout
    assert said.strip() == "set()"
