"""A fifth engine is one folder: nothing else is edited for it to be found everywhere."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dynascope
import engines
import launch
from dashboard import app
from dashboard.server.gallery import content
from dashboard.session import link
from dashboard.session.start import Start
from dashboard.session.view_state import ViewState
from engines.core.protocol import registry
from engines.core.protocol.errors import ConfigError, StoreError
from engines.core.runs.experiment import Experiment
from tests.conftest import ROOT
from tests.core import toy

TOY = Path(toy.__file__).parent

DISTRIBUTION = "Metadata-Version: 2.1\nName: toy-engines\nVersion: 1.2\n"
ENTRY_POINTS = """[dynascope.engines]
toy = toy
broken = toy.nowhere
no/name = toy:NOTHING
matrix_sensing = toy
"""

LIST = """
import json, sys
sys.path.insert(0, {site!r})
from engines.core.protocol import registry
names = registry.names()
before = [name for name in ("toy", "torch") if name in sys.modules]
from dashboard.server.gallery import content
labs = {{lab["name"]: lab for lab in content(names, lambda name: "./" + name)["labs"]}}
print(json.dumps([names, before, labs, registry.origin("toy"), registry.origin("matrix_sensing")]))
"""

OFFERS = """[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "mine"
version = "1.0"
entry-points = { "dynascope.methods" = { patient = "mine:patient" }, "dynascope.subjects" = { line = "mine:line" } }

[tool.setuptools]
py-modules = ["mine"]
"""

MINE = """
import torch
import dynascope

@dynascope.method("patient", init=lambda params, knobs: {"m": torch.zeros_like(params)})
def patient(gradient, state, params, knobs):
    m = 0.5 * state["m"] + 0.5 * gradient
    return params - knobs["rate"] * m, {"m": m}

def line():
    X = torch.eye(2, dtype=torch.float64)
    net = torch.nn.Linear(2, 1, bias=False).double()
    return dynascope.Subject.of(net, (X, X.sum(1)), lambda made, y: (made[:, 0] - y).square(), name="a line")
"""

CONTRACT = ["-m", "pytest", "-q", "-p", "dynascope.contract", "-p", "no:cacheprovider"]


@pytest.fixture
def folder(tmp_path):
    """A folder outside the repository with the toy in it."""
    shutil.copytree(TOY, tmp_path / "plugins" / "toy", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "plugins"


@pytest.fixture
def plugins(monkeypatch):
    """Engines of folders are forgotten when a test ends."""
    monkeypatch.setattr(registry.PLUGINS, "__path__", [])
    registry.load.cache_clear()
    yield
    registry.load.cache_clear()
    for name in [name for name in sys.modules if name.startswith(f"{registry.PLUGINS.__name__}.")]:
        del sys.modules[name]


@pytest.fixture
def found(folder, plugins):
    """The toy, given with `--plugins`."""
    registry.add_plugins(folder)
    return engines.load("toy")


def test_the_gallery_shows_it_with_its_presets_and_its_lesson(found):
    shown = content(engines.names(), lambda name: f"./{name}")
    lab = next(lab for lab in shown["labs"] if lab["name"] == "toy")
    assert (lab["href"], lab["broken"], lab["title"]) == ("./toy", "", "Toy")
    assert [preset["name"] for preset in lab["presets"]] == ["first", "cases"]
    assert "A parabola" in [lesson["title"] for lesson in shown["lessons"]]
    assert "toy" in app.routes()


def test_the_command_line_lists_and_runs_it(folder, plugins, capsys):
    assert launch.main(["run", "toy", "--plugins", str(folder), "--steps", "5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["engine"] == "toy"
    launch.main(["list", "--plugins", str(folder)])
    assert "toy: Toy" in capsys.readouterr().out


def test_a_notebook_opens_it(found):
    widget = dynascope.lab("toy", preset="first")
    assert widget.run.engine is found
    widget.close()


def test_links_and_runs_name_its_package_and_say_so_where_it_is_missing(found, tmp_path, monkeypatch):
    experiment = Experiment.from_preset(found, found.preset("first"))
    token = link.encode(experiment, ViewState())
    assert link.decode(token, found)[0].configs() == experiment.configs()
    dynascope.run("toy", steps=5).save(tmp_path / "run.nc")
    assert dynascope.open(tmp_path / "run.nc").steps[-1] == 5
    assert link.missing(token) == ""
    monkeypatch.setattr(registry.PLUGINS, "__path__", [])
    sentence = "the engine 'toy' is not here: it was in a folder given with --plugins"
    assert link.missing(token) == sentence
    elsewhere = Start.from_address(engines.load("matrix_sensing"), token).error
    assert elsewhere.startswith(f"This link cannot be opened: {sentence}.")
    with pytest.raises(StoreError, match=sentence):
        dynascope.open(tmp_path / "run.nc")


def test_a_link_names_the_package_that_is_to_be_installed():
    about = {"engine": "toy", "package": "toy-engines", "version": "1.2"}
    sentence = "the engine 'toy' is not here: it comes with the package 'toy-engines' '1.2', which is not installed"
    assert registry.missing("toy", "toy-engines", "1.2") == sentence
    assert link.missing(link.pack({"version": link.VERSION, "experiment": json.dumps(about)})) == sentence


def test_built_in_engines_name_dynascope_and_records_without_a_package_keep_opening(tmp_path):
    assert registry.origin("matrix_sensing")["package"] == "dynascope"
    engine = engines.load("matrix_sensing")
    experiment = Experiment.from_preset(engine, steps=3)
    about = json.loads(experiment.to_json())
    assert {"package", "version"} <= about.keys()
    old = {name: value for name, value in about.items() if name not in ("package", "version")}
    assert Experiment.from_json(engine, json.dumps(old)) == experiment
    assert registry.missing("matrix_sensing") == registry.missing("nowhere") == ""


def test_an_installed_engine_is_listed_without_being_imported_and_a_broken_one_is_a_sentence(fresh_python, folder):
    information = folder / "toy_engines-1.2.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(DISTRIBUTION)
    (information / "entry_points.txt").write_text(ENTRY_POINTS)
    printed = fresh_python("-c", LIST.format(site=str(folder))).stdout
    names, imported, labs, of_toy, of_sensing = json.loads(printed.splitlines()[-1])
    assert {"toy", "broken", "no_name", "matrix_sensing"} <= set(names) and imported == []
    assert of_toy == {"package": "toy-engines", "version": "1.2"}
    assert of_sensing["package"] == "dynascope"
    assert labs["toy"]["href"] == "./toy" and labs["matrix_sensing"]["href"] == "./matrix_sensing"
    assert "the engine 'broken' cannot be loaded" in labs["broken"]["broken"]
    assert "module 'toy' has no attribute 'NOTHING'" in labs["no_name"]["broken"]


@pytest.mark.thorough
@pytest.mark.parametrize("editable", [False, True], ids=["built", "editable"])
def test_an_installed_package_brings_methods_and_models_to_the_commands(tmp_path, editable):
    pytest.importorskip("setuptools")
    source, site = tmp_path / "source", tmp_path / "site"
    source.mkdir()
    (source / "pyproject.toml").write_text(OFFERS)
    (source / "mine.py").write_text(MINE)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    line = [*pip, "--target", str(site), *(["--editable"] if editable else []), str(source)]
    subprocess.run(line, check=True, stderr=subprocess.DEVNULL)

    def launched(*words):
        code = f"import site; site.addsitedir({str(site)!r}); import launch; raise SystemExit(launch.main({words!r}))"
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True, check=False)
        return done.stdout, done.stderr

    race = ("run", "optimizer_dynamics", "--set", "method=own,heavy_ball", "--steps", "5", "--json", "--quiet")
    told = json.loads(launched(*race)[0])
    assert [each["config"]["method"] for each in told["members"]] == ["own", "heavy_ball"]
    model = ("probe", "loss_landscape", "hessian", "--set", "subject=own_model", "--option", "kind=hessian", "--json")
    assert json.loads(launched(*model)[0])["values"]["trace"] == pytest.approx(2.0), "of |w - (1, 1)|²/2"
    assert "unknown model of your own 'nine'" in launched(*model, "--set", "model=nine")[1]


def test_the_contract_suite_runs_over_it(fresh_python, folder):
    flags = ["--engine", "toy", "--plugins", str(folder), "-k", "chunks or pure or round_trips"]
    assert " passed" in fresh_python(*CONTRACT, *flags).stdout


def test_a_new_engine_passes_the_contract_suite_and_opens_in_the_gallery(fresh_python, tmp_path, plugins, capsys):
    assert launch.main(["new", "engine", "two_layers", "--into", str(tmp_path)]) == 0
    assert f"serve --plugins {tmp_path}" in capsys.readouterr().out
    for flags in (["--engine", "two_layers", "--plugins", str(tmp_path)], [str(tmp_path / "two_layers")]):
        summary = fresh_python(*CONTRACT, *flags, check=False).stdout
        assert " passed" in summary and "failed" not in summary and "error" not in summary, summary
    registry.add_plugins(tmp_path)
    assert content(["two_layers"], lambda name: f"./{name}")["labs"][0]["href"] == "./two_layers"


@pytest.mark.parametrize("name", ["Toy", "two-layers", "core", "class", "../x", "matrix_sensing", ""])
def test_a_new_engine_needs_a_free_name(name, tmp_path, capsys):
    assert launch.main(["new", "engine", name, "--into", str(tmp_path)]) == 1
    assert f"name={name!r} is" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_pipe_among_plugins_is_not_waited_for(folder, plugins):
    os.mkfifo(folder / "odd.py")
    registry.add_plugins(folder)
    assert "toy" in registry.names()


def test_a_folder_that_holds_no_engines_is_refused(folder, plugins, caplog):
    for wrong, message in [("nowhere", "is not there: give the folder"), ("toy", "is an engine itself")]:
        with pytest.raises(ConfigError, match=message):
            registry.add_plugins(folder / wrong)
    (folder / "toy").rename(folder / "matrix_sensing")
    registry.add_plugins(folder)
    assert "matrix_sensing" in caplog.text and "is not used" in caplog.text
    assert registry.origin("matrix_sensing")["package"] == "dynascope"
