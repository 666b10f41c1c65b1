"""A network and its samples come from files that may be anything: they are read within limits, or refused."""

import io
import json
import struct
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch import nn

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.config import LossLandscape
from engines.loss_landscape.models import factory, own_network

X, Y = np.random.default_rng(0).normal(size=(30, 5)), np.arange(30) % 3


class Trap:
    """What unpickling it would do."""

    def __reduce__(self):
        return Path.touch, (Path("sprung"),)


def perceptron(*sizes, bias=True, dtype=torch.float64):
    torch.manual_seed(0)
    layers = [one for a, b in pairwise(sizes) for one in (nn.Linear(a, b, bias=bias), nn.ReLU())]
    return nn.Sequential(*layers[:-1]).to(dtype)


def stored(folder, tensors, **arrays):
    """Paths of a state and of samples."""
    network, data = folder / "own.safetensors", folder / "own.npz"
    network.write_bytes(tensors if isinstance(tensors, bytes) else save(tensors, {"activation": "relu"}))
    np.savez(data, **{"X": X, **arrays})
    return str(network), str(data)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("sizes", [(5, 3), (5, 7, 3), (5, 6, 6, 6, 6, 6, 6, 3)])
def test_outputs_are_those_of_the_sequential_whose_state_was_stored(tmp_path, sizes, dtype, bias):
    model = perceptron(5, 6, *sizes[1:], bias=bias, dtype=dtype)
    net, theta, samples = own_network.load(*stored(tmp_path, model.state_dict()))
    assert (theta.dtype, samples.X.dtype, samples.y) == (torch.float64, torch.float64, None)
    assert net.bias == bias
    expected = model.double()(torch.from_numpy(X))
    torch.testing.assert_close(net(theta, samples.X), expected, rtol=1e-12, atol=1e-12)


def test_layers_are_in_the_order_of_their_numbers_not_of_their_letters(tmp_path):
    model = perceptron(5, *[5] * 6, 5)  # 0.weight .. 12.weight, all square
    net, theta, samples = own_network.load(*stored(tmp_path, model.state_dict()))
    torch.testing.assert_close(net(theta, samples.X), model(torch.from_numpy(X)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("names", [("input", "hidden", "decoder"), ("z.a", "y.b", "x.c"), ("1", "9" * 5000, "x")])
@pytest.mark.parametrize("mark", [".", "_"])
def test_layers_of_any_names_are_in_the_order_in_which_they_fit(tmp_path, names, mark):
    model = perceptron(5, 7, 6, 3)
    layers = [layer for layer in model if isinstance(layer, nn.Linear)]
    tensors = {f"{name}{mark}weight": one.weight.detach() for name, one in zip(names, layers, strict=True)}
    tensors |= {f"{name}{mark}bias": one.bias.detach() for name, one in zip(names, layers, strict=True)}
    net, theta, samples = own_network.load(*stored(tmp_path, tensors))
    assert net.sizes == (5, 7, 6, 3)
    torch.testing.assert_close(net(theta, samples.X), model(torch.from_numpy(X)), rtol=1e-12, atol=1e-12)


def config(network, data, **knobs):
    return LossLandscape(subject="own_network", network=network, data=data, **knobs)


def test_without_labels_the_network_is_at_a_minimum_of_its_behavioural_loss(tmp_path):
    paths = stored(tmp_path, perceptron(5, 7, 3).state_dict())
    subject = factory.build([config(*paths), config(*paths, seed=1)])
    assert subject.start.shape == (2, subject.model.P)
    assert (subject.loss(subject.start) == 0).all()


def test_of_labelled_samples_a_fifth_is_held_out_and_each_goes_with_its_own_label(tmp_path):
    paths = stored(tmp_path, perceptron(5, 7, 3).state_dict(), y=Y.astype(np.uint8))
    subject = factory.build([config(*paths)])
    (X_train, y_train), (X_test, y_test) = subject.train, subject.test
    assert (len(X_train), len(X_test)) == (24, 6)
    place = {row.tobytes(): label for row, label in zip(X, Y, strict=True)}
    seen = {one.numpy().tobytes(): int(label) for one, label in zip(X_train, y_train, strict=True)}
    kept = {one.numpy().tobytes(): int(label) for one, label in zip(X_test, y_test, strict=True)}
    assert {**seen, **kept} == place
    whole = nn.functional.cross_entropy(perceptron(5, 7, 3)(X_train), y_train)
    torch.testing.assert_close(subject.loss(subject.start)[0], whole, rtol=1e-12, atol=0)


@pytest.mark.parametrize("labels", [Y.astype(float), Y + 1, Y - 1.0, 7 * Y - 3, Y.astype(np.uint8)])
def test_labels_are_whole_numbers_of_any_type_that_start_anywhere(tmp_path, labels):
    _, _, samples = own_network.load(*stored(tmp_path, weights(), y=labels))
    assert samples.y.tolist() == Y.tolist()


def test_labels_of_outputs_stay_what_they_are_where_a_class_is_missing(tmp_path):
    _, _, samples = own_network.load(*stored(tmp_path, weights(), y=Y % 2 + 1))
    assert samples.y.tolist() == (Y % 2 + 1).tolist()


@pytest.mark.parametrize("outputs", [1, 3])
def test_targets_make_half_a_squared_error(tmp_path, outputs):
    model, T = perceptron(5, 7, outputs), np.random.default_rng(1).normal(size=(30, outputs))
    paths = stored(tmp_path, model.state_dict(), y=T if outputs > 1 else T[:, 0])
    subject = factory.build([config(*paths)])
    assert subject.train.y.shape == (24, outputs)
    expected = (model(subject.train.X) - subject.train.y).square().sum(-1).mean() / 2
    torch.testing.assert_close(subject.loss(subject.start)[0], expected, rtol=1e-12, atol=0)
    assert subject.loss(subject.start) > 0


BENT = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}


@pytest.mark.parametrize("bend", BENT)
@pytest.mark.parametrize("asked", [False, True])
def test_what_bends_is_read_or_said_and_outputs_are_those_of_it(tmp_path, bend, asked):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 7), BENT[bend](), nn.Linear(7, 3)).double()
    state = save(model.state_dict(), None if asked else {"activation": bend})
    net, theta, samples = own_network.load(*stored(tmp_path, state), bend if asked else "file")
    assert net.activation == bend
    torch.testing.assert_close(net(theta, samples.X), model(torch.from_numpy(X)), rtol=1e-12, atol=1e-12)


def test_what_bends_is_never_assumed(tmp_path):
    bare = save(weights())
    with pytest.raises(ConfigError, match="set network_activation to one of relu, square, gelu, tanh, linear"):
        own_network.load(*stored(tmp_path, bare))
    with pytest.raises(ConfigError, match="say activation=tanh; network_activation=relu is asked for"):
        own_network.load(*stored(tmp_path, save(weights(), {"activation": "tanh"})), "relu")
    with pytest.raises(ConfigError, match="say activation='mish'; known are relu"):
        own_network.load(*stored(tmp_path, save(weights(), {"activation": "mish"})))


def test_names_of_a_body_with_numbers_and_a_head_are_in_one_order(tmp_path):
    model = perceptron(5, 6, 6, 6, 3)
    body = {
        f"body.{2 * i}.{kind}": model.state_dict()[f"{2 * i}.{kind}"] for i in range(3) for kind in ("weight", "bias")
    }
    tensors = {**body, "head.weight": model.state_dict()["6.weight"], "head.bias": model.state_dict()["6.bias"]}
    net, theta, samples = own_network.load(*stored(tmp_path, tensors))
    torch.testing.assert_close(net(theta, samples.X), model(torch.from_numpy(X)), rtol=1e-12, atol=1e-12)


def weights():
    return dict(perceptron(5, 7, 3).state_dict())


def filled(*shape, value=1.0, dtype=torch.float64):
    return torch.full(shape, value, dtype=dtype)


STATES = {
    "not a number": ({**weights(), "0.bias": filled(7, value=torch.nan)}, "'0.bias' has 7 values that are not finite"),
    "infinite": ({**weights(), "2.weight": filled(3, 7, value=torch.inf)}, "'2.weight' has 21 values"),
    "half infinite": ({**weights(), "0.bias": filled(7, value=torch.inf, dtype=torch.float16)}, "not finite"),
    "whole numbers": ({**weights(), "0.weight": filled(7, 5, dtype=torch.int64)}, "'0.weight' is of type torch.int64"),
    "eight bits": ({**weights(), "0.weight": filled(7, 5).to(torch.float8_e4m3fn)}, "torch.float8_e4m3fn"),
    "complex": ({**weights(), "0.bias": filled(7, dtype=torch.complex64)}, "torch.complex64"),
    "wrong width": ({**weights(), "2.weight": filled(3, 8)}, "'2.weight' has shape (3, 8); after '0.weight' it needs "),
    "transposed": ({**weights(), "0.weight": filled(5, 7)}, "(3, 7); after '0.weight' it needs [out, 5]"),
    "a kernel": ({**weights(), "0.weight": filled(7, 5, 3, 3)}, "'0.weight' has shape (7, 5, 3, 3)"),
    "a number": ({**weights(), "step": filled()}, "'step' has shape ()"),
    "no neurons": ({**weights(), "0.weight": filled(0, 5)}, "'0.weight' has shape (0, 5)"),
    "a missing bias": ({k: v for k, v in weights().items() if k != "2.bias"}, "'0.bias' do not belong"),
    "a foreign bias": ({**{k: v for k, v in weights().items() if k != "2.bias"}, "9.bias": filled(3)}, "do not belong"),
    "one more bias": ({**weights(), "1.mean": filled(7)}, "'1.mean', '2.bias' do not belong"),
    "a batch normalisation": ({**weights(), "1.num_batches_tracked": filled(dtype=torch.int64)},
                              "is of a batch normalisation: fold it"),
    "another normalisation": ({**weights(), "1.weight": filled(7)}, "'1.weight' is a weight with one axis"),
    "a recurrent network": ({"lstm.weight_ih_l0": filled(16, 4), "lstm.weight_hh_l0": filled(16, 4)},
                            "is of a recurrent layer; what is read is a"),
    "attention": ({"self_attn.in_proj_weight": filled(15, 5)}, "is of an attention layer"),
    "beyond all units": ({**weights(), "0.weight": filled(7, 5, value=1e60)}, "up to 1.0e+60; the limit is 1e+50"),
    "a long bias": ({**weights(), "2.bias": filled(4)}, "'2.bias' has shape (4,); '2.weight' needs a bias of [3]"),
    "one layer": ({"0.weight": filled(3, 5)}, "1 weights [out, in]; a perceptron of 2 to 8"),
    "nine layers": ({f"{i}.weight": filled(5, 5) for i in range(9)}, "9 weights [out, in]; a perceptron of 2 to 8"),
    "no tensors": ({}, "0 weights"),
    "large": ({"0.weight": filled(500, 5), "2.weight": filled(400, 500)}, "202500 parameters; the limit is 200000"),
    "no order": ({"a.weight": filled(7, 5), "b.weight": filled(3, 6)},
                 "'b.weight' (3, 6) fit each other in 0 orders, not in one: each"),
    "many orders": ({f"{name}.weight": filled(5, 5) for name in "abc"}, "in 6 orders, not in one: number all names"),
    "a long name": ({"x" * 5000: filled(7, 5, 1)}, "has shape (7, 5, 1)"),
}  # fmt: skip


@pytest.mark.parametrize(("tensors", "word"), STATES.values(), ids=STATES)
def test_states_that_are_no_perceptron_are_refused_with_the_tensor_and_what_it_needs(tmp_path, tensors, word):
    with pytest.raises(ConfigError, match=r"LossLandscape\.network=.*own\.safetensors") as caught:
        own_network.load(*stored(tmp_path, tensors))
    assert word in str(caught.value)
    assert len(str(caught.value)) < 600
    assert "\n" not in str(caught.value)


def raw(header, content=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + content


def entry(shape, start, end, dtype="F64"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


GOOD = save(weights())
HOSTILE = {
    "empty": (b"", "no .safetensors"),
    "seven bytes": (b"\0" * 7, "no .safetensors"),
    "nothing after the length": (b"\0" * 8, "no .safetensors"),
    "text": (b"0.weight,1,2,3\n" * 9, "is to have"),
    "cut": (GOOD[: len(GOOD) // 2], "no .safetensors that can be read"),
    "cut in the header": (GOOD[:40], "is to have"),
    "longer": (GOOD + b"\0" * 64, "no .safetensors that can be read"),
    "a header beyond the file": (raw({}, length=2**62), f"{2**62} bytes; the limit is"),
    "a header beyond the limit": (
        raw(b" " * (own_network.MAX_HEADER_BYTES + 1)),
        f"the limit is {own_network.MAX_HEADER_BYTES}",
    ),
    "no json": (raw(b"{'0.weight'"), "no .safetensors that can be read"),
    "no text": (raw(b"\xff\xfe{}" * 9), "no .safetensors that can be read"),
    "a list": (raw([1, 2]), "no .safetensors that can be read"),
    "deep json": (raw(b"[" * 60_000), "no .safetensors that can be read"),
    "a promise": (raw({"0.weight": entry([10**9, 10**9], 0, 8)}, b"\0" * 8), "no .safetensors that can be read"),
    "an overflow": (raw({"0.weight": entry([2**33, 2**33], 0, 8)}, b"\0" * 8), "no .safetensors that can be read"),
    "a negative shape": (raw({"0.weight": entry([-1, 8], 0, 8)}, b"\0" * 8), "no .safetensors that can be read"),
    "outside": (raw({"0.weight": entry([1, 8], 0, 64)}, b"\0" * 8), "no .safetensors that can be read"),
    "overlap": (raw({"a": entry([1], 0, 8), "b": entry([1], 0, 8)}, b"\0" * 8), "no .safetensors that can be read"),
    "a hole": (raw({"a": entry([1], 8, 16)}, b"\0" * 16), "no .safetensors that can be read"),
    "an unknown type": (raw({"a": entry([1], 0, 8, "PY")}, b"\0" * 8), "no .safetensors that can be read"),
    "four bits": (raw({"a": entry([16], 0, 8, "F4")}, b"\0" * 8), "no .safetensors that can be read"),
}


@pytest.mark.parametrize(("content", "word"), HOSTILE.values(), ids=HOSTILE)
def test_damaged_and_hostile_states_are_refused(tmp_path, content, word):
    with pytest.raises(ConfigError, match=r"LossLandscape\.network=") as caught:
        own_network.load(*stored(tmp_path, content))
    assert word in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_pickle_is_not_unpickled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stream = io.BytesIO()
    torch.save({"0.weight": Trap()}, stream)
    with pytest.raises(ConfigError, match=r"no \.safetensors"):
        own_network.load(*stored(tmp_path, stream.getvalue()))
    with pytest.raises(ConfigError, match="needs real numbers"):
        own_network.load(*stored(tmp_path, weights(), X=np.array([[Trap()]], dtype=object)))
    assert not Path("sprung").exists()


def test_a_file_beyond_the_limit_is_not_opened(tmp_path):
    network, data = stored(tmp_path, weights())
    with open(network, "ab") as stream:
        stream.truncate(own_network.MAX_FILE_BYTES + 1)
    with pytest.raises(
        ConfigError, match=f"{own_network.MAX_FILE_BYTES + 1} bytes; the limit is {own_network.MAX_FILE_BYTES}"
    ):
        own_network.load(network, data)


SAMPLES = {
    "wrong width": ({"X": X[:, :4]}, "X has shape (30, 4); the network needs [samples, 5]"),
    "a vector": ({"X": X[0]}, "X has shape (5,)"),
    "images": ({"X": X.reshape(30, 5, 1)}, "X has shape (30, 5, 1)"),
    "no samples": ({"X": X[:0]}, "0 samples; allowed are 1 to 20000"),
    "too many samples": ({"X": np.zeros((20_001, 5))}, "20001 samples; allowed are 1 to 20000"),
    "not a number": ({"X": np.where(X > 2, np.nan, X)}, "not finite"),
    "infinite": ({"X": np.where(X > 2, np.inf, X)}, "not finite"),
    "so large that outputs overflow": ({"X": 1.7e308 * np.sign(X)}, "outputs of X that are not finite"),
    "words": ({"X": X.astype(str)}, "needs real numbers"),
    "complex samples": ({"X": X + 1j}, "needs real numbers"),
    "beyond all units": ({"X": 1e60 * X}, "X or what layers make of it reaches"),
    "real labels": ({"y": Y + 0.5}, "y has labels that are no whole numbers, as 0.5"),
    "labels of another length": ({"y": Y[:-1]}, "y has shape (29,) and type int64; labels of 30 samples are whole"),
    "labels that are not finite": ({"y": np.where(Y > 1, np.nan, Y)}, "y has 10 values that are not finite"),
    "targets of another width": ({"y": np.zeros((30, 2))}, "targets real ones of shape (30, 3)"),
    "one-hot labels": ({"y": np.eye(3, dtype=int)[Y]}, "y has shape (30, 3)"),
    "more labels than outputs": ({"y": np.arange(30) % 4}, "4 labels from 0 to 3; the network has outputs 0 to 2"),
    "fewer classes than outputs": ({"y": Y % 2 + 2}, "2 labels from 2 to 3; the network has outputs 0 to 2"),
    "labels beyond any integer": ({"y": np.full(30, 2**64 - 1, np.uint64)}, "the network has outputs 0 to 2"),
    "one labelled sample": ({"X": X[:1], "y": Y[:1]}, "y is of 1 sample; two at least"),
}


@pytest.mark.parametrize(("arrays", "word"), SAMPLES.values(), ids=SAMPLES)
def test_samples_that_do_not_fit_are_refused_with_the_value_and_the_limit(tmp_path, arrays, word):
    with pytest.raises(ConfigError, match=r"LossLandscape\.data=.*own\.npz") as caught:
        own_network.load(*stored(tmp_path, weights(), **arrays))
    assert word in str(caught.value)


def test_a_wide_layer_is_refused_before_it_is_computed(tmp_path):
    wide = {"0.weight": filled(20_000, 5), "2.weight": filled(3, 20_000)}
    with pytest.raises(ConfigError, match="2000 samples times a layer of 20000 are 40000000 activations"):
        own_network.load(*stored(tmp_path, wide, X=np.zeros((2000, 5))))


def test_an_archive_that_is_none_names_the_knob(tmp_path):
    network, data = stored(tmp_path, weights())
    Path(data).write_bytes(b"X,y\n1,2\n")
    with pytest.raises(ConfigError, match=r"LossLandscape\.data=.*no \.npz that can be read"):
        own_network.load(network, data)
    with zipfile.ZipFile(data, "w") as made:
        made.writestr("weights.npy", b"")
    with pytest.raises(ConfigError, match="0 arrays of the name X; it needs one X"):
        own_network.load(network, data)


OTHERS = ["", ".", "/dev/zero", "/etc/passwd", "model.pt", "model.pkl", "own.safetensors.gz"]


@pytest.mark.parametrize("name", OTHERS)
def test_nothing_is_told_of_other_files(tmp_path, name):
    network, data = stored(tmp_path, weights())
    with pytest.raises(ConfigError, match=r"must be the path of a file that ends in \.safetensors"):
        own_network.load(name, data)
    with pytest.raises(ConfigError, match=r"must be the path of a file that ends in \.npz"):
        own_network.load(network, name)


@pytest.mark.parametrize("name", ["nowhere", "\0", "x" * 5000, "http://example.org/a"])
def test_what_is_no_file_is_refused(tmp_path, name):
    network, data = stored(tmp_path, weights())
    with pytest.raises(ConfigError, match=r"LossLandscape\.network="):
        own_network.load(f"{name}.safetensors", data)
    with pytest.raises(ConfigError, match=r"LossLandscape\.data="):
        own_network.load(network, f"{name}.npz")


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "made.safetensors").mkdir()
    with pytest.raises(ConfigError, match="there is no such file"):
        own_network.load(str(tmp_path / "made.safetensors"), stored(tmp_path, weights())[1])
