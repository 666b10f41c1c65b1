"""What a machine lacks is found one by one, named, and keeps nothing else away."""

import pytest

from tests import system


@pytest.fixture
def fresh(monkeypatch):
    """Each question is asked anew, and no package is installed."""
    forget = [system.chromium.cache_clear, system.absent_for_window.cache_clear]
    asked = []
    monkeypatch.setattr(system, "install", lambda packages: asked.extend(packages))
    for each in forget:
        each()
    yield asked
    for each in forget:
        each()


def test_a_library_is_looked_for_by_itself(fresh, monkeypatch):
    monkeypatch.setattr(system, "LIBRARIES", {"libc.so.6": "libc6", "libnowhere.so.9": "libnowhere9"})
    monkeypatch.setattr(system.shutil, "which", lambda name: f"/bin/{name}")
    assert system.absent_for_window() == {"libnowhere.so.9": "libnowhere9"}


def test_a_stand_in_is_no_browser(fresh, monkeypatch, tmp_path):
    found = {name: tmp_path / name for name in system.BROWSERS}
    for name, status in zip(system.BROWSERS, (1, 0, 0), strict=True):
        found[name].write_text(f"#!/bin/sh\nexit {status}\n")
        found[name].chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert system.chromium() == str(found["chromium-browser"])


def test_what_cannot_be_installed_is_named(fresh, monkeypatch, capsys):
    monkeypatch.setattr(system, "absent", lambda: {"Xvfb": "xvfb", "libnowhere.so.9": "libnowhere9"})
    monkeypatch.setattr(system.sys, "platform", "linux")
    system.main()
    assert fresh == ["xvfb", "libnowhere9"]
    assert "Xvfb, libnowhere.so.9. Tests that need it are skipped." in capsys.readouterr().err


@pytest.mark.parametrize("root", [True, False])
def test_without_a_network_or_the_right_nothing_is_installed_and_nothing_fails(monkeypatch, root):
    ran = []
    monkeypatch.setattr(system.os, "geteuid", lambda: 0 if root else 1000, raising=False)
    monkeypatch.setattr(system.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(system, "runs", lambda line: ran.append(line))
    system.install(["xvfb"])
    assert [line[-1] for line in ran] == ["update", "xvfb"]
    assert {line[0] == "sudo" for line in ran} == {not root}


def test_a_package_that_is_not_to_be_had_keeps_no_other_away(monkeypatch):
    ran = []

    def runs(line):
        ran.append(line[-1])
        return line[-1] in ("update", "xvfb", "libasound2t64")

    monkeypatch.setattr(system.os, "geteuid", lambda: 0, raising=False)
    monkeypatch.setattr(system.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(system, "runs", runs)
    system.install(["xvfb", "libasound2"])
    assert ran == ["update", "libasound2", "xvfb", "libasound2", "libasound2t64"]
