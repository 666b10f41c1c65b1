import sys

import pytest

import engines
from engines.core.protocol import registry
from engines.core.protocol.errors import EngineFailure, UnknownName
from engines.core.protocol.named_objects import NamedObjects

SOURCES = {
    "toy": "from tests.core.toy import ENGINE",
    "empty": "",
    "broken": "raise RuntimeError('no such operator')",
    "half": "import a_module_that_nobody_has",
    "unreadable": "def (",
    "renamed": "from tests.core.toy import ENGINE",
    "other": "ENGINE = 3",
    "mute": "from tests.core.toy import Engine\nclass Mute(Engine): name = 'mute'\n"
    "Mute.__abstractmethods__ = frozenset()\nENGINE = Mute()",
    "plain": "from dataclasses import dataclass\nfrom tests.core.toy import Toy, ToyEngine\n"
    "@dataclass(frozen=True, kw_only=True)\nclass Plain(Toy): extra: int = 3\n"
    "class PlainEngine(ToyEngine): name, Config = 'plain', Plain\nENGINE = PlainEngine()",
    "lost": "from tests.core.toy import ToyEngine\n"
    "class Lost(ToyEngine): name, opening = 'lost', 'S9'\nENGINE = Lost()",
}


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Engine folders beside the real ones."""
    for name, source in SOURCES.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(source)
    (tmp_path / "no_package").mkdir()
    monkeypatch.setattr(engines, "__path__", [*engines.__path__, str(tmp_path)])
    registry.load.cache_clear()
    yield
    registry.load.cache_clear()
    for name in SOURCES:
        sys.modules.pop(f"engines.{name}", None)


def test_a_new_folder_is_an_engine(folders):
    assert set(SOURCES) < set(engines.names())
    assert engines.load("toy").title == "Toy"


def test_the_core_and_plain_folders_are_no_engines(folders):
    assert not {"core", "no_package", "cli"} & set(engines.names())


@pytest.mark.parametrize(
    ("name", "reason"),
    [("empty", "AttributeError"), ("broken", "RuntimeError: no such operator"), ("half", "ModuleNotFoundError"),
     ("unreadable", "SyntaxError"), ("renamed", "TypeError: it calls itself 'toy'"),
     ("other", "TypeError: ENGINE is 3, and no Engine"), ("mute", "TypeError: it does not declare title, summary"),
     ("plain", "TypeError: extra of its Config is not declared with knob"), ("lost", "UnknownName: .*'S9'")],
)  # fmt: skip
def test_a_broken_folder_is_a_message_and_the_others_load(folders, name, reason):
    with pytest.raises(EngineFailure, match=rf"the engine '{name}' cannot be loaded \({reason}"):
        engines.load(name)
    assert engines.load("toy").name == "toy"


def test_an_unknown_engine_is_named_with_the_known_ones():
    with pytest.raises(UnknownName, match=r"unknown engine 'nope'; known: .*matrix_sensing"):
        engines.load("nope")


def test_names_are_sorted(folders):
    assert engines.names() == sorted(engines.names())


def test_the_package_offers_what_it_promises_and_nothing_else():
    assert all(callable(getattr(engines, name)) for name in engines.__all__)
    with pytest.raises(AttributeError):
        engines.nothing  # noqa: B018


def test_a_damaged_list_of_an_installed_package_takes_no_engine_away(monkeypatch):
    monkeypatch.setattr("engines.core.protocol.registry.entry_points", lambda group: b"\xff".decode())
    assert "matrix_sensing" in engines.names()


def test_a_damaged_list_of_an_installed_package_takes_no_method_away_and_is_logged(monkeypatch, caplog):
    monkeypatch.setattr("engines.core.protocol.named_objects.entry_points", lambda group: b"\xff".decode())
    assert NamedObjects("method", lambda thing, called: thing, "a group", "").names() == []
    assert "methods of installed packages cannot be listed" in caplog.text
