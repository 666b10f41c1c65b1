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
from bokeh.io.state import curstate
import panel.reactive as reactive
import dashboard.app as app
from benchmarks.load import ADMISSION, LAB, Document, Lab, Session, served, visit
from dashboard.session.lost_pages import LOST_PAGES
from engines.core.live.runner import Runner

def left(collected=True):
    if collected:
        gc.collect()
    kinds = Counter(type(each) for each in gc.get_objects() if each is not curstate().document)
    alive = {kind.__name__: kinds[kind] for kind in (Lab, Session, Runner, Document)}
    return alive | {"runs": ADMISSION.count(), "kept": len(LOST_PAGES)}

def rest():
    end = time.monotonic() + 30
    while any(left().values()) and time.monotonic() < end:
        time.sleep(0.5)
    return left()

with served() as (address, labs, server):
    found = []
    for stay in (1.0, 0.0):  # the second ones go before there is a lab on their pages
        visit(address, LAB, 3, stay, 0.1)
        found.append(rest())

    make, patch, asked, made = app.make_models, reactive.patch_stylesheet, [], threading.Event()

    def made_slowly(holder, lab):
        asked.append(0)
        try:
            make(holder, lab)
        finally:
            made.set()

    def patched_slowly(sheet, address):
        if asked and threading.current_thread().name.startswith("pages"):
            asked[-1] += 1
            time.sleep(4.0 if asked[-1] == 20 else 0.0)
        patch(sheet, address)

    app.make_models, reactive.patch_stylesheet = made_slowly, patched_slowly
    visit(address, LAB, 1, 1.5, 0.1)  # goes while another thread makes what is shown of its lab
    made.wait(20)
    found.append(rest())
    assert asked[-1] >= 20, asked
    time.sleep(2)
    gc.unfreeze()  # what was set apart from the collector for as long as the program runs holds no page
    found.append(left(collected=False))
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
    assert found == [nothing] * 4
    assert "Traceback" not in done.stderr
    assert not [name for name in threads if name.startswith("asyncio")], "one more for each of several at a time"
