"""Nothing is unpickled: the sources do not ask for it, and nothing that reads what comes from outside does it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("engines", "dashboard", "dynascope")
UNPICKLES = re.compile(
    r"\b(import|from)\s+(pickle|cPickle|dill|cloudpickle|joblib|shelve|marshal)\b|torch\.load\(|read_pickle|"
    r"allow_pickle\s*=\s*True|jsonpickle|yaml\.(unsafe_load|full_load)"
)


def origins():
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))] + [ROOT / "launch.py"]


@pytest.mark.parametrize("path", origins(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_asks_for_pickles(path):
    found = [line for line in path.read_text().splitlines() if UNPICKLES.search(line)]
    assert not found


WATCHED = """
import json, sys, io, traceback, zipfile
from pathlib import Path
import numpy as np
found = []
def watch(event, arguments):
    if event == "pickle.find_class":
        found.append([str(arguments), [f"{f.filename}:{f.lineno}" for f in traceback.extract_stack()][-12:]])
sys.addaudithook(watch)
folder = Path(sys.argv[1])
import engines
from dashboard.session import lessons, link
from dashboard.session.start import Start
from dashboard.session.view_state import ViewState
from engines.core.protocol.errors import DynascopeError
from engines.core.runs.experiment import Experiment
engine = engines.load("matrix_sensing")
run = engines.run("matrix_sensing", preset="P3", steps=5)
for name in ("run.parquet", "run.nc"):
    run.save(folder / name)
    engines.open(folder / name)
token = link.encode(Experiment.from_preset(engine, engine.preset("P3")), ViewState())
Start.from_address(engine, token)
for name in lessons.paths():
    lessons.load(name)
class Bomb:
    def __reduce__(self):
        return (print, ("unpickled",))
np.savez(folder / "bomb.npz", X=np.array([Bomb()], dtype=object), y=np.arange(1))
for path in (folder / "bomb.npz", folder / "run.parquet"):
    for knobs in ({"data": str(path), "model": "network"},):
        try:
            engines.run("neural_collapse", set=knobs, steps=1)
        except DynascopeError:
            pass
print(json.dumps(found))
"""


def test_nothing_that_reads_files_links_and_lessons_unpickles(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "unpickled" not in done.stdout
    ours = [each for each in json.loads(done.stdout.splitlines()[-1]) if any("/dashboard/" in at for at in each[1])
            or any("/engines/" in at for at in each[1][-6:])]  # fmt: skip
    assert not ours
