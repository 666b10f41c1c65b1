"""An installed Dynascope, served by `panel serve` from some other folder, is complete."""

import importlib.util
import os
import shutil
import subprocess
import sys
import urllib.request

import pytest

from tests.browser.conftest import ROOT, Page, until
from tests.browser.test_desktop import free_port

BOOKS = sorted(ROOT.glob("engines/*/assets/notebook.ipynb"))
"""A notebook a lab."""

PICTURES = """() => {
  const inside = (e) => e.shadowRoot ? [e, ...deep(e.shadowRoot)] : [e];
  const deep = (root) => [...root.querySelectorAll("*")].flatMap(inside);
  return deep(document).filter((e) => e.matches(".picture svg")).length;
}"""


@pytest.fixture
def installed(tmp_path):
    """A folder that Dynascope was installed to."""
    if not importlib.util.find_spec("setuptools"):
        pytest.skip("setuptools is not installed, and building fetches nothing")
    source, target = tmp_path / "source", tmp_path / "target"
    without = shutil.ignore_patterns(".*", "build", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, source, ignore=without)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    line = [*pip, "--target", target, "-r", "binder/requirements.txt"]
    subprocess.run(line, check=True, stderr=subprocess.DEVNULL, cwd=source)
    shutil.rmtree(source)
    return target


@pytest.fixture
def address(installed, tmp_path):
    port = free_port()
    program = installed / "dashboard" / "app.py"
    line = [sys.executable, "-m", "panel", "serve", str(program), "--port", str(port)]
    process = subprocess.Popen(
        line, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(installed)}, stderr=subprocess.DEVNULL
    )
    address = f"http://localhost:{port}"
    until(lambda: reached(f"{address}/app"), 60)
    yield address
    process.terminate()
    process.wait(20)


def reached(address):
    try:
        return urllib.request.urlopen(address, timeout=20).status == 200
    except OSError:
        return False


@pytest.mark.thorough
def test_what_is_installed_has_all_that_pages_are_made_of(address, chromium):
    page = Page(chromium, address).open("/app")
    until(lambda: page.ask(PICTURES) == len(BOOKS), 60)
    page.open("/app?lab=matrix_sensing&preset=P6").ready(1)
    assert not page.complaints
    page.close()


@pytest.mark.thorough
@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.parts[-3])
def test_a_notebook_runs_from_top_to_bottom_where_nothing_but_the_package_is(book, installed, tmp_path):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    place = tmp_path / "elsewhere"
    place.mkdir()
    read = nbformat.read(book, as_version=4)
    where = "import dynascope; print(dynascope.__file__)"
    read.cells.append(nbformat.v4.new_code_cell(where))
    client = nbclient.NotebookClient(read, timeout=120, resources={"metadata": {"path": place}})
    done = client.execute(env=os.environ | {"PYTHONPATH": str(installed)})
    assert str(installed) in done.cells[-1].outputs[0].text
