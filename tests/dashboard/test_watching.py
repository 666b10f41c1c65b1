"""The page of a watched training is a process of its own: it follows the file, and neither can harm the other."""

import time
import urllib.request
from pathlib import Path

import pytest
import torch

import dynascope
import engines
from dashboard import watching
from dynascope import watching as pages
from engines.core.protocol.errors import ConfigError


@pytest.mark.thorough
def test_killing_the_page_does_not_disturb_the_training(tmp_path, monkeypatch, capsys):
    started = []
    popen = pages.subprocess.Popen
    monkeypatch.setattr(
        pages.subprocess, "Popen", lambda *words, **how: started.append(popen(*words, **how)) or started[0]
    )
    with dynascope.watch(torch.nn.Linear(3, 2), file=tmp_path / "run.parquet", serve=True) as eye:
        address = capsys.readouterr().out.split()[-1]
        eye.step(0, loss=1.0)
        end = time.monotonic() + 60
        while True:
            try:
                assert b"Dynascope" in urllib.request.urlopen(address, timeout=5).read()
                break
            except OSError:
                assert time.monotonic() < end
                time.sleep(0.5)
        started[0].kill()
        started[0].wait()
        eye.step(1, loss=0.5)
    assert engines.open(tmp_path / "run.parquet")["loss"][:, 0].tolist() == [1.0, 0.5]


def test_only_a_run_is_watched(tmp_path):
    with pytest.raises(ConfigError, match="its name ends with"):
        watching.serve(tmp_path / "run.csv", 0, "localhost", False)


def test_the_name_of_a_file_is_text():
    assert "&lt;img src=x onerror=alert(1)&gt;" in watching.waiting(Path("<img src=x onerror=alert(1)>.parquet")).object
