"""What happens first: the page is there before anything heavy is; and who may come in."""

import json
import subprocess
import sys
import urllib.request

import pytest

from tests.browser.conftest import ROOT, Page, served, until

HEAVY = ("torch", "pyvista", "scipy", "xarray", "matplotlib")
TELL = f"""
import sys
from dashboard import app
app.Status.get = lambda self: self.write({{"active": 0, "loaded": [name for name in {HEAVY} if name in sys.modules]}})
"""


@pytest.fixture(scope="module")
def telling():
    yield from served(TELL)


def loaded(address):
    return json.load(urllib.request.urlopen(f"{address}/status", timeout=10))["loaded"]


def test_a_page_is_painted_before_anything_heavy_is_loaded(telling, chromium):
    assert loaded(telling) == []
    assert urllib.request.urlopen(f"{telling}/matrix_sensing", timeout=20).status == 200
    assert loaded(telling) == []  # the whole page was made; what fills it waits until a browser has shown it
    lab = Page(chromium, telling).open("/matrix_sensing").ready(1)
    assert "torch" in loaded(telling)
    assert "pyvista" not in loaded(telling)
    lab.close()


def test_a_password_is_asked_for():
    line = [sys.executable, "-u", "launch.py", "serve", "--no-browser", "--port", "0", "--basic-auth", "open sesame"]
    process = subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        address = process.stdout.readline().split()[-1]
        answer = until(lambda: _opened(f"{address}/matrix_sensing"), 60)
        assert answer.url.startswith(f"{address}/login")
        assert b"password" in answer.read().lower()
    finally:
        process.terminate()
        process.communicate(timeout=20)


def _opened(address):
    try:
        return urllib.request.urlopen(address, timeout=10)
    except OSError:
        return None
