"""Flags of `panel serve` that our own server takes."""

import re

import pytest

import launch
from dashboard.flags import options
from engines.core.errors import DynascopeError


def given(line):
    return options(launch.Parser(prog="launch.py serve", add_help=False), line.split())


def test_what_concerns_the_network_is_passed_on():
    found = given("--prefix lab --allow-websocket-origin a:1 --allow-websocket-origin b:2 --keep-alive 5000")
    assert found["prefix"] == "lab"
    assert found["allow_websocket_origin"] == ["a:1", "b:2"]
    assert found["keep_alive_milliseconds"] == 5000


def test_a_password_has_a_login_page_that_asks_no_other_host():
    provider = given("--basic-auth sesame")["auth_provider"]
    page = provider._login_template.render(PANEL_CDN="https://cdn.example/", login_endpoint="/login", errormessage="")
    assert "password" in page.lower()
    assert not re.search("(src|href)=.?https?:", page)


@pytest.mark.parametrize("line", ["--nonsense 3", "--autoreload", "--glob x.py", "other.py"])
def test_a_flag_that_means_nothing_here_is_one_line(line, capsys):
    with pytest.raises(SystemExit) as left:
        given(line)
    assert left.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_flags_that_do_not_fit_together_are_a_sentence():
    with pytest.raises((DynascopeError, SystemExit)):
        given("--basic-auth sesame --oauth-provider github")
