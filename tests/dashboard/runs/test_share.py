import base64
import time

from dashboard.runs.share import PIECE, Download, FileMaker


def collected(files):
    end = time.monotonic() + 60
    while files.collect() and time.monotonic() < end:
        time.sleep(0.01)


def watched(monkeypatch):
    """A download whose messages are kept."""
    sent = []
    monkeypatch.setattr(Download, "send_to_script", lambda self, message: sent.append(message))
    return sent


def test_a_file_goes_in_pieces_each_asked_for(monkeypatch):
    sent = watched(monkeypatch)
    data = bytes(range(256)) * (2 * PIECE // 256) + b"end"
    download = Download()
    download.send("run.nc", data)
    assert len(sent) == 1
    while sent[-1]["index"] + 1 < sent[-1]["count"]:
        download.receive({"next": sent[-1]["index"] + 1})
    assert b"".join(base64.b64decode(message["piece"]) for message in sent) == data
    download.receive({"done": True})
    count = len(sent)
    download.receive({"next": 1})
    assert not any(message["piece"] for message in sent[count:])  # it is kept no longer


def test_an_empty_file_is_a_file(monkeypatch):
    sent = watched(monkeypatch)
    Download().send("run.csv", b"")
    assert (sent[0]["count"], sent[0]["piece"]) == (1, "")


def test_what_fails_is_told_and_the_next_file_is_made(monkeypatch):
    sent = watched(monkeypatch)
    said, failed = [], []
    files = FileMaker(said.append, failed.append)
    files.make("a.csv", lambda report: 1 / 0)
    files.make("b.csv", lambda report: "never")
    assert said[-1] == "a.csv is still being made."
    collected(files)
    assert failed == ["a.csv could not be made: ZeroDivisionError: division by zero"]
    files.make("c.csv", lambda report: "text")
    collected(files)
    assert base64.b64decode(sent[-1]["piece"]) == b"text"
    files.close()
