"""Doors for a model of one's own: Python, the command line, folders, installed packages; and none from the network."""

import json
import sys
from importlib.metadata import EntryPoint

import pytest

import engines
import launch
from dashboard.session import link
from dashboard.session.start import Start
from dashboard.session.view_state import ViewState
from engines.core.protocol import named_objects, registry
from engines.core.protocol.errors import ConfigError, DynascopeError, UnknownName
from engines.core.runs.experiment import Experiment
from engines.core.subjects import named_subjects

CODE = """
import torch
from engines import Subject

def loss(params, minibatch):
    X, y = minibatch
    return (X @ params["w"] - y).square() / 2

def build():
    X = torch.arange(12.0).reshape(6, 2) / 10
    return Subject(loss, {"w": torch.ones(2)}, (X, X.sum(1)), name="line")

def nothing():
    return 3

def broken():
    return 1 / 0
"""


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    """What a test brings is forgotten when it ends."""
    monkeypatch.setattr(named_subjects.SUBJECTS, "cache", {})
    monkeypatch.setattr(named_subjects, "FROM_COMMAND_LINE", [])
    monkeypatch.setattr(registry.PLUGINS, "__path__", [])
    monkeypatch.delattr(named_subjects.SUBJECTS, "installed", raising=False)  # found once in a process


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "my_models.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("my_models", None)


def test_a_command_probes_the_model_that_it_names(module, capsys):
    words = ["probe", "loss_landscape", "hessian", "--subject", "my_models:build", "--option", "kind=hessian"]
    assert launch.main([*words, "--steps", "2", "--json", "--quiet"]) == 0
    values = json.loads(capsys.readouterr().out)["values"]
    assert values["parameters"] == 2
    X = named_subjects.find("line").train.first[0].double()
    assert values["trace"] == pytest.approx(float((X.T @ X / 6).trace()), rel=1e-6)


BAD = {
    "os.path": "is not of the form package.module:function",
    "nowhere.at.all:build": "cannot be made (ModuleNotFoundError",
    "my_models:none": "cannot be made (AttributeError",
    "my_models:nothing": "is 3, and no Subject",
    "my_models:broken": "cannot be made (ZeroDivisionError: division by zero)",
}


@pytest.mark.parametrize("text", BAD)
def test_a_name_that_leads_nowhere_is_one_sentence(text, module, capsys):
    assert launch.main(["run", "loss_landscape", "--subject", text, "--steps", "1"]) == 1
    said = capsys.readouterr().err
    assert BAD[text] in said and said.count("\n") == 1


def test_other_engines_say_that_they_take_none(module, capsys):
    assert launch.main(["run", "matrix_sensing", "--subject", "my_models:build", "--steps", "1"]) == 1
    assert "takes no subject of your own" in capsys.readouterr().err


def test_a_file_in_a_folder_of_plugins_is_a_model(module):
    (module / "line.py").write_text(CODE + "\nSUBJECT = build\n")
    (module / "helper.py").write_text("raise SystemExit\n")
    registry.add_plugins(module)
    assert named_subjects.SUBJECTS.names() == ["line"]
    assert "dynascope_plugins.line" not in sys.modules
    assert named_subjects.find("line").P == named_subjects.find("").P == 2
    run = engines.run("loss_landscape", set={"subject": "own_model", "optimizer": "langevin", "chains": 2}, steps=2)
    assert len(run) == 3


def test_an_installed_package_offers_a_model_by_an_entry_point(module, monkeypatch):
    point = EntryPoint("installed", "my_models:build", named_subjects.SUBJECTS.group)
    found = lambda group: [point] if group == named_subjects.SUBJECTS.group else []  # noqa: E731
    monkeypatch.setattr(named_objects, "entry_points", found)
    assert named_subjects.SUBJECTS.names() == ["installed"] and "my_models" not in sys.modules
    assert named_subjects.find("installed").P == 2


def test_two_models_of_one_name_are_told_apart(module):
    import my_models

    first, second = my_models.build(), my_models.build()
    assert [named_subjects.register(one) for one in (first, second, first)] == ["line", "line_2", "line"]
    assert named_subjects.find("line_2") is second
    with pytest.raises(ConfigError, match="several models of your own are here, line, line_2"):
        named_subjects.find("")


def test_a_link_names_no_code(module):
    """A name in it is looked up, never imported; here nothing of that name was brought."""
    engine = engines.load("loss_landscape")
    for name in ("my_models:build", "my_models", "os"):
        experiment = Experiment.from_preset(engine, set={"subject": "own_model", "model": name})
        start = Start.from_address(engine, link.encode(experiment, ViewState()))
        assert start.error == "" and "my_models" not in sys.modules
        with pytest.raises(DynascopeError, match="no model of your own is here, such as"):
            engines.run("loss_landscape", set=dict(start.experiment.configs()[0]), steps=1)
    with pytest.raises(ConfigError, match="no model of your own is here: start this program with --subject"):
        named_subjects.find("")


def test_the_lab_opens_on_the_model_that_was_brought(module):
    import my_models

    engine = engines.load("loss_landscape")
    named_subjects.register(my_models.build())
    assert Start.from_address(engine).experiment.preset is not None
    named_subjects.register_named("my_models:build")
    config = Start.from_address(engine).experiment.configs()[0]
    assert (config.subject, config.model, config.optimizer) == ("own_model", "line_2", "langevin")
    assert Start.from_address(engine, preset="L0").experiment.preset is not None
    assert Start.from_address(engines.load("matrix_sensing")).experiment.preset is not None
    with pytest.raises(UnknownName, match="did you mean line"):
        named_subjects.find("lines")
