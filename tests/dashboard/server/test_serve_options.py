"""Flags of `panel serve` that our own server takes."""

from types import SimpleNamespace

import panel.command.serve
import pytest
from panel.config import config

from dashboard.server import serve_options
from dashboard.server.serve_options import options
from dynascope.flags import Parser
from engines.core.protocol.errors import DynascopeError


@pytest.fixture(autouse=True)
def settings(monkeypatch):
    """What Panel's command sets is of the whole process; here it is of one test."""
    computed = {name for name, value in vars(type(config)).items() if isinstance(value, property)}
    own = SimpleNamespace(**{name: getattr(config, name) for name in {*config.param, *computed}})
    for module in (panel.command.serve, serve_options):
        monkeypatch.setattr(module, "config", own)
    return own


def given(line):
    return options(Parser(prog="launch.py serve", add_help=False), line.split())


def test_what_concerns_the_network_is_passed_on():
    found = given("--prefix lab --allow-websocket-origin a:1 --allow-websocket-origin b:2 --keep-alive 5000")
    assert found["prefix"] == "lab"
    assert found["allow_websocket_origin"] == ["a:1", "b:2"]
    assert found["keep_alive_milliseconds"] == 5000


@pytest.mark.parametrize("line", ["--nonsense 3", "--autoreload", "--glob x.py", "other.py"])
def test_a_flag_that_means_nothing_here_is_one_line(line, capsys):
    with pytest.raises(SystemExit) as left:
        given(line)
    assert left.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_what_panel_finds_wrong_is_a_sentence():
    with pytest.raises(DynascopeError, match="auth-template /nowhere does not"):
        given("--auth-template /nowhere")


def test_threads_and_secrets_reach_panels_settings(settings):
    assert given("--num-threads 3 --cookie-secret mine")["cookie_secret"] == "mine"
    assert settings.nthreads == 3


def test_a_secret_is_drawn_where_none_is_given():
    assert len(given("--prefix lab")["cookie_secret"]) == 64
