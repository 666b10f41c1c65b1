"""What the Makefile promises beside the commands themselves."""

import subprocess

import pytest

from tests.conftest import ROOT
from tests.test_documents import TARGETS


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("arguments", ["", "tests/core"])
def test_a_dry_run_prints_what_would_be_done_and_does_nothing(target, arguments, tmp_path):
    for venv in ("venv", "venv-oldest"):
        python = tmp_path / venv / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f"#!/bin/sh\necho $* >> {tmp_path}/done\n")
        python.chmod(0o755)
    words = ["make", "-n", target, f"VENV={tmp_path}/venv", f"ARGS={arguments}"]
    planned = subprocess.run(words, cwd=ROOT, text=True, capture_output=True, check=True).stdout
    assert str(tmp_path) in planned
    assert not (tmp_path / "done").exists()
