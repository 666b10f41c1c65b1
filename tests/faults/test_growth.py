"""Pages that come and go leave nothing behind; visitors without a browser open them over a real socket."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

COME_AND_GO = """
import gc, json, threading, time
from collections import Counter
from benchmarks.load import ADMISSION, LAB, Document, Lab, Session, served, visit
from dashboard.session.lost_pages import LOST_PAGES
from engines.core.live.runner import Runner

def left():
    gc.collect()
    kinds = Counter(map(type, gc.get_objects()))
    alive = {kind.__name__: kinds[kind] for kind in (Lab, Session, Runner, Document)}
    return alive | {"runs": ADMISSION.count(), "kept": len(LOST_PAGES)}

with served() as (address, labs, server):
    found = []
    for stay in (1.0, 0.0):  # the second ones go before there is a lab on their pages
        visit(address, LAB, 3, stay, 0.1)
        labs.clear()
        end = time.monotonic() + 30
        while any(left().values()) and time.monotonic() < end:
            time.sleep(0.5)
        found.append(left())
    found.append(sorted(thread.name for thread in threading.enumerate()))
print(json.dumps(found))
"""


@pytest.mark.thorough
def test_visitors_who_have_left_leave_nothing_behind(tmp_path):
    around = os.environ | {"OMP_NUM_THREADS": "1", "DYNASCOPE_LIBRARY": str(tmp_path)}
    line = [sys.executable, "-c", COME_AND_GO]
    done = subprocess.run(line, cwd=ROOT, env=around, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]
    *found, threads = json.loads(done.stdout.splitlines()[-1])
    nothing = {"Lab": 0, "Session": 0, "Runner": 0, "Document": 0, "runs": 0, "kept": 0}
    assert found == [nothing, nothing]
    assert not [name for name in threads if name.startswith("asyncio")], "one more for each of several at a time"
