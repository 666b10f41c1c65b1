"""Files that readers bring: within limits, under our names, gone with their session."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest

from dashboard.controls.own_files import OwnFilesForm
from dashboard.session import uploads
from dashboard.session.uploads import PIECE, Uploads
from engines import load
from engines.core.protocol.declarations import OwnFile
from engines.core.protocol.errors import ConfigError

FILE = OwnFile(knob="data", suffix=".npz", limit=2 * PIECE, doc="samples")


@pytest.fixture
def taken(monkeypatch):
    monkeypatch.setenv(uploads.VARIABLE, "yes")


def encoded(data):
    return base64.b64encode(data).decode()


def archive(n=40):
    stream = io.BytesIO()
    random = np.random.default_rng(0)
    np.savez(stream, X=random.normal(size=(n, 5)), y=np.arange(n) % 4)
    return stream.getvalue()


def test_a_file_arrives_in_pieces_and_goes_with_the_session(taken):
    mine, data = Uploads(), bytes(range(256)) * (PIECE // 256) + b"end"
    mine.begin(FILE, len(data))
    assert mine.add(encoded(data[:PIECE])) is None
    path = mine.add(encoded(data[PIECE:]))
    assert path.read_bytes() == data and path.suffix == ".npz" and mine.holds(str(path))
    assert path.parent.stat().st_mode & 0o077 == 0
    mine.close()
    assert not path.parent.exists() and not mine.holds(str(path))


def test_limits_hold_whatever_the_browser_says(taken, monkeypatch):
    mine = Uploads()
    for size in (0, -1, FILE.limit + 1):
        with pytest.raises(ConfigError, match=f"{size:,} bytes; the limit is {FILE.limit:,}"):
            mine.begin(FILE, size)
    with pytest.raises(ConfigError, match="no file was announced"):
        mine.add("")
    mine.begin(FILE, 3)
    with pytest.raises(ConfigError, match="damaged"):
        mine.add("*")
    with pytest.raises(ConfigError, match="larger than the 3 bytes"):
        mine.add(encoded(b"four"))
    monkeypatch.setattr(uploads, "MOST_FILES", 2)
    mine.begin(FILE, 3)
    with pytest.raises(ConfigError, match="the limits are 2 files"):
        mine.begin(FILE, 3)
    mine.close()


@pytest.mark.parametrize(("error", "said"), [((28, "No space left on device"), "No space left"), ((), "OSError")])
def test_a_file_that_the_disk_has_no_room_for_is_gone_and_takes_no_room(taken, monkeypatch, error, said):
    mine, opened = Uploads(), Path.open
    monkeypatch.setattr(uploads, "MOST_FILES", 1)
    mine.begin(FILE, 4)

    class Full(io.BytesIO):
        def __init__(self, path):
            self.path = path

        def write(self, data):
            with opened(self.path, "ab") as stream:
                stream.write(data[:1])
            raise OSError(*error)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda path, mode: Full(path))
        with pytest.raises(ConfigError, match=f"cannot keep the file: {said}"):
            mine.add(encoded(b"ab"))
    assert not [*Path(mine._folder.name).iterdir()]
    with pytest.raises(ConfigError, match="no file was announced"):
        mine.add(encoded(b"cd"))
    mine.begin(FILE, 2)
    assert mine.add(encoded(b"ok")).read_bytes() == b"ok"
    mine.close()


def test_a_server_for_others_takes_no_files_unless_told_to(monkeypatch):
    monkeypatch.delenv(uploads.VARIABLE, raising=False)
    uploads.allow_for("0.0.0.0")
    with pytest.raises(ConfigError, match="takes no files"):
        Uploads().begin(FILE, 3)
    monkeypatch.delenv(uploads.VARIABLE)
    uploads.allow_for("127.0.0.1")
    assert uploads.allowed()


def test_samples_that_were_brought_are_computed_with(taken, monkeypatch):
    sent, edits, mine, engine = [], [], Uploads(), load("neural_collapse")
    monkeypatch.setattr(OwnFilesForm, "send_to_script", lambda self, message: sent.append(message))
    form = OwnFilesForm(engine.own_files, engine.Config, mine, edits.append)
    data = archive()
    form.receive({"kind": "data", "use": {}})  # nothing is there yet
    form.receive({"kind": "data", "knob": "data", "size": len(data), "name": "../../etc/passwd"})
    form.receive({"piece": encoded(data)})
    form.receive({"kind": "data", "use": {"data": "/etc/passwd", "seed": 5}})
    (values,) = edits
    assert values["model"] == "network" and set(values) == {"model", "data"}
    assert Path(values["data"]).read_bytes() == data and sent == [{"next": True}]
    engine.Config(**values)
    form.receive({"kind": "data", "knob": "data", "size": 10**9})
    assert "the limit is" in form.shown["error"]
    mine.close()


@pytest.mark.parametrize("name", ["loss_landscape", "neural_collapse"])
def test_declared_files_belong_to_knobs_that_there_are(name):
    engine = load(name)
    for kind in engine.own_files:
        for knob in (*kind.knobs, *kind.choices, *(file.knob for file in kind.files)):
            engine.Config.knob(knob)
        assert all(engine.Config.knob(knob).choices for knob in kind.choices)


def test_a_disk_that_takes_no_file_is_a_sentence(taken, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    mine = Uploads()
    mine.begin(FILE, 10)
    monkeypatch.setattr(Path, "open", full)
    for attempt in (lambda: mine.add(encoded(b"part")), lambda: mine.begin(FILE, 10)):
        with pytest.raises(ConfigError, match="cannot keep the file: No space left on device"):
            attempt()
    mine.close()
