"""A file that a person points at may be anything: it is read within limits, or refused with a reason."""

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

import engines
from engines.core.files.npz_reader import ARRAY, FILE
from engines.core.protocol.errors import ConfigError
from engines.neural_collapse.config import NeuralCollapse
from engines.neural_collapse.engine import ENGINE
from engines.neural_collapse.network.data import load, read_archive

X, Y = np.random.default_rng(0).normal(size=(30, 5)), np.arange(30) % 3


class Trap:
    """What unpickling it would do."""

    def __reduce__(self):
        return Path.touch, (Path("sprung"),)


def saved(path, **arrays):
    np.savez(path, **{"X": X, "y": Y, **arrays})
    return path


def packed(path, **members):
    """An archive with these bytes as its members."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(f"{name}.npy", content)
    return path


def npy(values):
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def header(shape, dtype, content=b""):
    text = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text) + 1) + text + b"\n" + content


def test_samples_of_your_own_are_taken_with_labels_of_any_whole_numbers(tmp_path):
    path = saved(tmp_path / "own.npz", y=np.array([7, -2, 40])[Y], X=X.astype(np.float32))
    samples, labels = read_archive(path)
    np.testing.assert_array_equal(samples, X.astype(np.float32))
    np.testing.assert_array_equal(labels, np.array([1, 0, 2])[Y])
    as_floats = read_archive(saved(tmp_path / "floats.npz", y=np.array([1.0, 2.0, 7.0])[Y]))
    np.testing.assert_array_equal(as_floats[1], Y)


def test_the_split_holds_a_fifth_of_each_class_out_and_scales_by_what_is_trained_on(tmp_path):
    data = load(str(saved(tmp_path / "own.npz", X=1e6 * X + 3e7)))
    assert (len(data.X), len(data.X_test), data.classes) == (24, 6, 3)
    assert (np.bincount(data.y) == 8).all()
    assert (np.bincount(data.y_test) == 2).all()
    np.testing.assert_allclose(data.X.mean(0), 0, atol=1e-9)
    assert np.sqrt(np.mean(data.X**2)) == pytest.approx(1, rel=1e-6)


def test_a_network_learns_samples_of_your_own(tmp_path):
    path = saved(tmp_path / "own.npz", X=X + 4 * np.eye(5)[Y])
    knobs = {"model": "network", "data": str(path), "depth": 2, "width": 16, "epochs": 40, "loss": "ce", "bias": True}
    run = engines.run("neural_collapse", set=knobs, steps=40)
    assert run["accuracy"][-1, 0] == 1
    assert run["layer_nc1"].shape[-1] == 3
    assert run["nc1"][-1, 0] < run["nc1"][0, 0]


def test_a_file_that_was_replaced_is_read_again(tmp_path):
    path = tmp_path / "own.npz"
    first = load(str(saved(path)))
    assert len(load(str(saved(path, X=np.tile(X, (2, 1)), y=np.tile(Y, 2)))).X) == 2 * len(first.X)


DIFFERENT = {
    "labels of another length": ({"y": Y[:-1]}, "30 samples and y has 29"),
    "one class": ({"y": 0 * Y}, "1 classes; allowed are 2 to 50"),
    "too many classes": ({"X": np.ones((200, 1)), "y": np.arange(200) // 2}, "100 classes"),
    "a class of one sample": ({"y": np.r_[3, Y[1:]]}, "1 sample of class 3"),
    "real labels": ({"y": Y + 0.5}, "needs whole numbers"),
    "labels that are no numbers": ({"y": np.where(Y > 1, np.nan, Y)}, "needs whole numbers"),
    "words": ({"X": X.astype(str)}, "needs real numbers"),
    "complex samples": ({"X": X + 1j}, "needs real numbers"),
    "not a number": ({"X": np.where(X > 2, np.nan, X)}, "not finite"),
    "infinite": ({"X": np.where(X > 2, np.inf, X)}, "not finite"),
    "images": ({"X": X.reshape(30, 5, 1)}, "shape (30, 5, 1)"),
    "no samples": ({"X": X[:0], "y": Y[:0]}, "0 samples"),
    "no features": ({"X": X[:, :0]}, "0 features"),
    "too many features": ({"X": np.zeros((2, 4097)), "y": Y[:2]}, "4097 features; allowed are 1 to 4096"),
    "all alike": ({"X": 0 * X + 2}, "all samples of X are equal"),
    "objects": ({"X": np.array([[Trap()]] * 30, dtype=object)}, "needs real numbers"),
}


@pytest.mark.parametrize(("arrays", "word"), DIFFERENT.values(), ids=DIFFERENT)
def test_arrays_that_do_not_fit_are_refused_with_the_value_and_the_limit(tmp_path, monkeypatch, arrays, word):
    monkeypatch.chdir(tmp_path)
    path = saved(tmp_path / "own.npz", **arrays)
    with pytest.raises(ConfigError, match=r"own\.npz") as caught:
        load(str(path))
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not Path("sprung").exists()


def broken(tmp_path):
    """Files that are not what they say."""
    whole = saved(tmp_path / "whole.npz").read_bytes()
    yield "cut", whole[: len(whole) // 2], "no .npz that can be read"
    yield "empty", b"", "no .npz that can be read"
    yield "text", b"X,y\n1,2\n", "no .npz that can be read"
    yield "flipped", whole[:200] + bytes(byte ^ 0x55 for byte in whole[200:400]) + whole[400:], "no .npz"
    y = npy(Y)
    for name, members, word in (
        ("neither", {}, "0 arrays of the name X"),
        ("no-labels", {"X": npy(X)}, "0 arrays of the name y"),
        ("promise", {"X": header((10**9, 1000), "<f8", b"\0" * 64), "y": y}, "not what its"),
        ("negative", {"X": header((-3, 2), "<f8", b"\0" * 48), "y": y}, "not what its"),
        ("pickled", {"X": header((1,), "|O", b"cos\nsystem\n(S'touch sprung'\ntR."), "y": y}, "needs real numbers"),
        ("future", {"X": b"\x93NUMPY\x09\x00" + b"\0" * 64, "y": y}, "stored in format (9, 0)"),
        ("code", {"X": header("__import__('os').mkdir('sprung')", "<f8"), "y": y}, "no .npz that can be read"),
        ("brackets", {"X": header("(" * 4000, "<f8"), "y": y}, "no .npz that can be read"),
        ("long", {"X": header("(" * 60_000, "<f8"), "y": y}, "to load securely.)"),
        ("open bracket", {"X": b"\x93NUMPY\x01\x00" + struct.pack("<H", 64) + b"(" * 64, "y": y}, "no .npz that can"),
        ("crowd", {f"a{i}": b"" for i in range(80)}, "holds 80 arrays; the limit is 64"),
    ):
        yield name, packed(tmp_path / "made.npz", **members).read_bytes(), word


def test_damaged_and_hostile_files_are_refused_before_anything_is_run_or_unpacked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, content, word in broken(tmp_path):
        path = tmp_path / f"{name}.npz"
        path.write_bytes(content)
        with pytest.raises(ConfigError) as caught:
            load(str(path))
        assert word in str(caught.value), (name, str(caught.value))
        assert len(str(caught.value)) < 600 and "\n" not in str(caught.value)
    assert not Path("sprung").exists()


def test_a_bomb_is_refused_by_its_size_alone(tmp_path):
    path = packed(tmp_path / "bomb.npz", X=b"\0" * (ARRAY + 1), y=npy(Y))
    assert path.stat().st_size < FILE / 50
    with pytest.raises(ConfigError, match="the limit is 268435456"):
        load(str(path))


def test_a_file_beyond_the_limit_is_not_opened(tmp_path):
    path = tmp_path / "large.npz"
    with path.open("wb") as stream:
        stream.truncate(FILE + 1)
    with pytest.raises(ConfigError, match=f"{FILE + 1} bytes; the limit is {FILE}"):
        load(str(path))


@pytest.mark.parametrize("name", ["nowhere.npz", ".npz", "\0.npz", "x" * 5000 + ".npz", "http://example.org/a.npz"])
def test_what_is_no_file_is_refused(name):
    with pytest.raises(ConfigError, match=r"NeuralCollapse\.data="):
        load(name)


@pytest.mark.parametrize("name", ["", ".", "/dev/zero", "/etc/passwd", "/nowhere/at/all", "pickle.pkl"])
def test_nothing_is_told_of_other_files(name):
    with pytest.raises(ConfigError, match=r"must be digits, or the path of a file that ends in \.npz"):
        load(name)


def test_the_page_says_it_before_a_run():
    config = NeuralCollapse(model="network", data="nowhere.npz")
    assert "no such file" in ENGINE.caution(config)
