"""Pages that come and go leave nothing behind; visitors without a browser open them over a real socket."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

COME_AND_GO = """
import gc, json, threading, time
from collections import Counter
from benchmarks.load import ADMISSION, LAB, Document, Lab, Session, rest, served, visit
from dashboard.session.lost_pages import LOST_PAGES
from engines.core.live.runner import Runner

with served() as (address, labs, server):
    found = []
    for stay in (1.0, 1.0, 0.0):  # the last ones go before there is a lab on their pages
        visit(address, LAB, 3, stay, 0.1)
        rest(labs)
        gc.collect()
        kinds = Counter(map(type, gc.get_objects()))
        alive = {kind.__name__: kinds[kind] for kind in (Lab, Session, Runner, Document)}
        threads = sorted(thread.name for thread in threading.enumerate())
        found.append(alive | {"runs": ADMISSION.count(), "kept": len(LOST_PAGES), "threads": threads})
print(json.dumps(found))
"""


def test_visitors_who_have_left_leave_nothing_behind(tmp_path):
    around = os.environ | {"OMP_NUM_THREADS": "1", "DYNASCOPE_LIBRARY": str(tmp_path)}
    line = [sys.executable, "-c", COME_AND_GO]
    done = subprocess.run(line, cwd=ROOT, env=around, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]
    first, then, early = json.loads(done.stdout.splitlines()[-1])
    assert then == first and early == first
    assert first["runs"] == 0 and first["kept"] == 0
    assert max(first[kind] for kind in ("Lab", "Session", "Runner", "Document")) <= 1, "the first page opened"
    assert not [name for name in first["threads"] if name.startswith("asyncio")]
