"""Files that a knob points at: networks and samples of one's own."""

import io
import json
import os
import struct

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from engines.loss_landscape.models import own_network
from engines.neural_collapse.network.data import read_archive
from tests.faults.hostile import COSTLY, JSON, check_sentence, damaged, edited, one_sentence

TENSORS = {"0.weight": torch.eye(4, 3), "0.bias": torch.zeros(4), "2.weight": torch.eye(2, 4), "2.bias": torch.ones(2)}
NETWORK = save(TENSORS, {"activation": "relu"})
HEADER = json.loads(NETWORK[8 : 8 + struct.unpack("<Q", NETWORK[:8])[0]])
BODY = NETWORK[8 + struct.unpack("<Q", NETWORK[:8])[0] :]


def archive(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


DATA = archive(X=np.arange(30.0).reshape(10, 3), y=np.arange(10) % 2)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


def open_network(place, network, data=DATA):
    """Read a network and its samples: both can be used, or one sentence says why not; no file is changed."""
    files = {place / "own.safetensors": network, place / "own.npz": data}
    for path, content in files.items():
        path.write_bytes(content)
    with one_sentence():
        net, theta, samples = own_network.load(*map(str, files))
        assert torch.isfinite(theta).all() and torch.isfinite(samples.X).all()
        assert torch.isfinite(net(theta, samples.X)).all()
    assert all(path.read_bytes() == content for path, content in files.items())


def open_archive(place, data):
    path = place / "archive.npz"
    path.write_bytes(data)
    with one_sentence():
        X, y = read_archive(path)
        assert np.isfinite(X).all() and len(X) == len(y)
    assert path.read_bytes() == data


def packed(header):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + BODY


@given(st.data())
def test_a_damaged_network_is_read_or_refused(place, data):
    open_network(place, damaged(data.draw, NETWORK))


@given(st.data())
def test_a_network_that_lies_about_its_tensors_is_refused(place, data):
    open_network(place, packed(edited(data.draw, HEADER)))


@given(JSON.map(packed) | st.binary(max_size=60))
def test_anything_is_no_network(place, network):
    open_network(place, network)


ARRAYS = st.sampled_from(
    [np.zeros((10, 3)), np.zeros((0, 3)), np.zeros((10, 0)), np.zeros(10), np.array(3.0), np.full((10, 3), np.nan),
     np.full((10, 3), 1e300), np.zeros((10, 3), complex), np.array(["a"] * 10), np.zeros((10, 3), np.float16),
     np.arange(10), np.arange(10) - 5, np.arange(10) + 2**40, np.full(10, 2**63, np.uint64), np.zeros((10, 1), int),
     np.zeros(10, bool), np.zeros(10, "datetime64[s]"), np.zeros(3, [("a", int)]), np.zeros((2,) * 10)]
)  # fmt: skip


@COSTLY
@given(st.dictionaries(st.sampled_from(["X", "y", "z"]), ARRAYS, max_size=3).map(lambda arrays: archive(**arrays)))
def test_any_arrays_are_samples_or_are_refused(place, data):
    open_network(place, NETWORK, data)
    open_archive(place, data)


@COSTLY
@given(st.data())
def test_a_damaged_archive_is_read_or_refused(place, data):
    changed = damaged(data.draw, DATA)
    open_network(place, NETWORK, changed)
    open_archive(place, changed)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink(path, path),
                                  lambda path: os.symlink("/dev/zero", path), lambda path: None])  # fmt: skip
def test_what_is_no_file_is_neither_read_nor_waited_for(tmp_path, make):
    for name in ("odd.npz", "odd.safetensors"):
        make(tmp_path / name)
    with pytest.raises(Exception) as caught:
        own_network.load(str(tmp_path / "odd.safetensors"), str(tmp_path / "odd.npz"))
    check_sentence(str(caught.value))
    with pytest.raises(Exception) as caught:
        read_archive(tmp_path / "odd.npz")
    check_sentence(str(caught.value))
