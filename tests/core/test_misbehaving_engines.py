"""Engines from outside that misbehave: each fault is one sentence, and everything else goes on."""

import json
import sys

import pytest
import torch

import dynascope
import engines
import launch
from engines.core.api import new_run, simulate
from engines.core.files import store
from engines.core.protocol import registry
from engines.core.protocol.errors import ConfigError, EngineFailure, StoreError
from engines.core.runs.experiment import Experiment
from engines.core.runs.run import Run
from tests.core.toy import ENGINE, Toy, ToyEngine

TOY = "from tests.core.toy import *\nfrom tests.core.toy import ToyEngine\n"


def write(folder, name, source):
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(source)


def toy(name, body=""):
    """The source of an engine like the toy, with another body."""
    return f"{TOY}\nclass Own(ToyEngine):\n    name = {name!r}\n{body}\nENGINE = Own()\n"


@pytest.fixture
def plugins(tmp_path, monkeypatch):
    """A folder for engines; they are forgotten when a test ends."""
    monkeypatch.setattr(registry.PLUGINS, "__path__", [])
    registry.load.cache_clear()
    yield tmp_path / "plugins"
    registry.load.cache_clear()
    for name in [name for name in sys.modules if name.startswith(f"{registry.PLUGINS.__name__}.")]:
        del sys.modules[name]


def run_toy(steps=5):
    return simulate(Run(ENGINE, [Toy(), Toy(a=2.0)]), steps)


# -- what an engine delivers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "change", "message"),
    [
        ("observe", lambda v: {"x": v["x"]}, "observe does not give the declared channel 'loss'"),
        ("observe", lambda v: v | {"z": v["x"]}, "observe gives the undeclared channel 'z'"),
        ("observe", lambda v: v | {"x": v["loss"]}, r"the channel x has the shape \[2\], declared is \[2, i\]"),
        ("observe", lambda v: v | {"loss": v["loss"][:1]}, r"the channel loss has the shape \[1\], declared is \[2\]"),
        ("observe", lambda v: v | {"loss": v["loss"].sum()}, r"the channel loss has the shape \[\], declared is \[2\]"),
        ("observe", lambda v: v | {"loss": [1.0, 2.0]}, "the channel loss is of type list, and no tensor"),
        ("observe", lambda v: v | {"loss": v["loss"] * 1j}, "the channel loss is of type torch.complex128, and no"),
        ("observe", lambda v: None, "observe gave None, and no channels by name"),
        ("snapshot", lambda v: {}, "snapshot does not give the declared channel"),
    ],
)  # fmt: skip
def test_channels_that_are_not_as_declared_are_named(monkeypatch, method, change, message):
    right = getattr(ToyEngine, method)
    monkeypatch.setattr(ToyEngine, method, lambda self, *arguments: change(right(self, *arguments)))
    with pytest.raises(EngineFailure, match=f"^Toy: {message}"):
        run_toy()


def test_a_channel_that_changes_its_shape_on_the_way_is_named(monkeypatch):
    right = ToyEngine.observe

    def growing(self, problem, state, knobs):
        values = right(self, problem, state, knobs)
        return values | {"x": torch.cat([values["x"]] * (1 + int(state.t[0] > 2)), dim=1)}

    monkeypatch.setattr(ToyEngine, "observe", growing)
    with pytest.raises(EngineFailure, match=r"^Toy: the channel x changed its shape on the way$"):
        run_toy()


@pytest.mark.parametrize(
    ("method", "use", "message"),
    [
        ("story", lambda run: run.story(), "Toy stopped: TypeError: story gave 3, and no Story"),
        ("judge_first", lambda run: run.judge(), "the judge of first gave 3, and no Verdict"),
    ],
)
def test_what_is_no_story_and_no_verdict_is_named(monkeypatch, method, use, message):
    monkeypatch.setattr(ToyEngine, method, lambda self, *arguments: [3] if method == "judge_first" else 3)
    experiment = Experiment.from_preset(ENGINE, ENGINE.preset("first"))
    with pytest.raises(EngineFailure, match=message):
        use(simulate(new_run(experiment), 3))


def test_a_run_whose_claims_cannot_be_judged_is_stored_and_the_log_says_what_is_missing(monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(ToyEngine, "judge_first", lambda self, *arguments: [3])
    run = simulate(new_run(Experiment.from_preset(ENGINE, ENGINE.preset("first"))), 3)
    run.save(tmp_path / "run.parquet")
    assert store.read_description(tmp_path / "run.parquet")["verdicts"] == []
    assert "a run is stored without its claims: " in caplog.text and "and no Verdict" in caplog.text


def test_a_check_of_knobs_that_fails_is_a_sentence_and_one_that_refuses_stays_as_it_is(monkeypatch):
    monkeypatch.setattr(Toy, "check", lambda self: 1 // 0)
    with pytest.raises(EngineFailure, match=r"^Toy.check stopped: ZeroDivisionError"):
        Toy()
    monkeypatch.undo()
    with pytest.raises(ConfigError, match="needs sign=plus"):
        Toy(flat=True, sign="minus")


# -- what it is made of -----------------------------------------------------------------------------------------

KNOBS = """
from dataclasses import dataclass
from engines.core.protocol.config import knob
@dataclass(frozen=True, kw_only=True)
class Listed(Toy):
    sizes: list[int] = knob((1, 2), "sizes")
"""

BROKEN = {
    "listed": (KNOBS + toy("listed", "    Config = Listed"), r"Listed.sizes is of type list\[int\], and no int"),
    "interrupting": ("raise KeyboardInterrupt", r"\(KeyboardInterrupt\)"),
    "leaving": ("import sys\nsys.exit('bye')", r"\(SystemExit: bye\)"),
    "odd": ("class Odd(BaseException): pass\nraise Odd('no\\nlicence')", r"\(Odd: no licence\)"),
    "silent": ("class Odd(Exception):\n    def __str__(self): return 1 / 0\nraise Odd", r"\(Odd\)"),
    "lines": ("raise RuntimeError('first\\n\\n    second')", r"\(RuntimeError: first second\)"),
}


@pytest.fixture
def broken(plugins):
    """All of them, beside one that works and prints."""
    for name, (source, _) in BROKEN.items():
        write(plugins, name, TOY + source)
    write(plugins, "fine", f"print('hello from an engine')\n{toy('fine')}")
    registry.add_plugins(plugins)
    return plugins


@pytest.mark.parametrize("name", BROKEN)
def test_an_engine_that_cannot_be_imported_is_one_sentence_and_the_others_go_on(broken, name):
    with pytest.raises(EngineFailure, match=rf"^the engine '{name}' cannot be loaded .*{BROKEN[name][1]}") as caught:
        engines.load(name)
    assert "\n" not in str(caught.value)
    assert engines.load("fine").name == "fine"


def test_the_list_of_engines_holds_them_a_line_each_and_nothing_that_they_print(broken, capsys):
    assert launch.main(["list", "--json"]) == 0
    listed = {each["name"]: each for each in json.loads(capsys.readouterr().out)["engines"]}
    assert {name for name in BROKEN if "cannot be loaded" in listed[name]["failure"]} == set(BROKEN)
    assert listed["fine"]["title"] == "Toy"
    launch.main(["list"])
    lines = capsys.readouterr().out.splitlines()
    assert all(lines[lines.index(name) + 1].startswith("  the engine '") for name in BROKEN)
    assert all(lines[lines.index(name) + 2] == "" for name in BROKEN)


def test_what_an_engine_prints_is_no_part_of_a_result(plugins, capsys):
    write(plugins, "talking", "print('hello')\n" + toy("talking", "    def caution(self, config): return print('so')"))
    assert launch.main(["run", "talking", "--steps", "3", "--json", "--plugins", str(plugins)]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["steps"] == 3
    assert "hello\n" in printed.err and "so\n" in printed.err


def test_an_interrupt_by_a_person_is_no_fault_of_an_engine(plugins):
    write(plugins, "slow", "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nwhile True: pass")
    registry.add_plugins(plugins)
    with pytest.raises(KeyboardInterrupt):
        engines.load("slow")


# -- where it lies ----------------------------------------------------------------------------------------------


def test_folders_that_hold_code_and_are_no_engine_are_named(plugins, caplog, monkeypatch):
    write(plugins, "two-layers", "")
    write(plugins, "ünits", "")
    (plugins / "bare").mkdir()
    (plugins / "bare" / "engine.py").touch()
    monkeypatch.chdir(plugins.parent)  # a short name: messages are shortened
    with pytest.raises(ConfigError, match=r"holds no engine: 'bare' is no engine: it has no __init__\.py; 'two-"):
        registry.add_plugins("plugins")
    write(plugins, "fine", toy("fine"))
    registry.add_plugins(plugins)
    assert [name for name in engines.names() if name in ("two-layers", "ünits", "bare", "fine")] == ["fine"]
    assert "'bare' is no engine: it has no __init__.py" in caplog.text
    assert "'ünits' is no engine: its name must be made of the letters a to z, digits and _" in caplog.text


def test_a_place_that_is_no_folder_of_engines_is_said_as_it_was_given(plugins, capsys, monkeypatch):
    plugins.mkdir()
    (plugins / "engine.py").touch()
    for given, reason in [
        (str(plugins / "engine.py"), "is a file: give the folder that holds the folders of your engines"),
        ("", "'' is no path"), (str(plugins), "holds no engine: each is a folder with an __init__.py"),
        ("x" * 5000, "name too long"),
    ]:  # fmt: skip
        assert launch.main(["list", "--plugins", given]) == 1
        said = capsys.readouterr().err
        assert said.startswith("launch.py: plugins='") and reason in said and said.count("\n") == 1
    monkeypatch.setenv("HOME", str(plugins))
    assert launch.main(["new", "engine", "mine", "--into", "~/own"]) == 0
    assert (plugins / "own" / "mine" / "__init__.py").is_file()
    registry.add_plugins("~/own")
    assert "mine" in engines.names()


def test_the_contract_suite_says_what_is_misspelt(fresh_python, tmp_path):
    for flags, message in [
        (["--engine", "matrix_sensin"], "unknown engine 'matrix_sensin'; did you mean matrix_sensing?"),
        (["--plugins", str(tmp_path / "nowhere")], "nowhere' is not there"),
    ]:
        left = fresh_python("-m", "pytest", "-p", "dynascope.contract", "-p", "no:cacheprovider", *flags, check=False)
        assert left.returncode == 4 and "Traceback" not in left.stdout + left.stderr
        assert message in left.stderr


def test_the_facade_says_what_it_needs():
    for call, kind, message in [
        (lambda: dynascope.show(3), ConfigError, "run=3 is no run: engines.run and engines.open return one"),
        (lambda: dynascope.resume(3, 5), ConfigError, "run=3 is no run"),
        (lambda: dynascope.open(3), StoreError, "3 is no path of a file"),
        (lambda: run_toy().save(None), StoreError, "None is no path of a file"),
    ]:
        with pytest.raises(kind, match=message):
            call()
