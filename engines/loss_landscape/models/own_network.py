"""A user's network: a `.safetensors` state of a perceptron and an `.npz` of samples, read within limits.

Both files may be anything; nothing is ever unpickled. Weights are `[out, in]`; biases, for all layers or for none,
share the name of their weight before its last dot or underscore. The activation between the layers is in the file's
metadata, as `activation`, or has to be given. Layers whose names differ in a number only are in the order of these
numbers; all are in the one order in which their shapes fit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import pairwise, permutations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse
from torch import Tensor

from engines.core.files.input_file import InputFile
from engines.core.files.npz_reader import REAL, read
from engines.core.protocol.errors import shortened
from engines.loss_landscape.models import initialisation
from engines.loss_landscape.models.mlp import ACTIVATIONS, Mlp
from engines.loss_landscape.models.model import Samples, Trainable, cross_entropy, half_squared_error

MAX_FILE_BYTES, MAX_HEADER_BYTES = 4 * 2**20, 2**16
"""Largest file and header, in bytes."""

LAYER_COUNTS, MAX_PARAMETERS = (2, 8), 200_000
"""Fewest and most layers, and most parameters, of a network that is analysed."""

LARGEST_VALUE = 1e50
"""Largest number that a network may contain or make: squares of its derivatives have to be numbers."""

OTHER_LAYERS = {
    r"weight_[ih]h_l\d+|bias_[ih]h_l\d+": "a recurrent layer",
    r"running_(mean|var)|num_batches_tracked": "a batch normalisation: fold it into the layer beside it",
    r"in_proj_(weight|bias)|[qkv]_proj|self_attn": "an attention layer",
}
"""Patterns of names that belong to other layers than those of a perceptron."""

DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)

DAMAGED = (SafetensorError, ValueError, KeyError, TypeError, AssertionError, RuntimeError, OverflowError)
"""Errors that a damaged file makes the reader raise."""

StateDict = dict[str, Tensor]


def load_perceptron(file: InputFile, activation: str = "file") -> tuple[Mlp, Tensor]:
    """Read the perceptron and its parameters `[P]` in float64; activation: "file" for that of the metadata, or a name.

    Raises `ConfigError` with the tensor and what it needs, and for an unknown activation.
    """
    state, metadata = _read_file(file)
    for name in state:
        _refuse_other_layers(file, name)
    for name, tensor in state.items():
        _check_tensor(file, name, tensor)
    weights, biases = ({name: one for name, one in state.items() if one.ndim == axes} for axes in (2, 1))
    if not LAYER_COUNTS[0] <= len(weights) <= LAYER_COUNTS[1]:
        raise file.refuse(
            f"it holds {len(weights)} weights [out, in]; a perceptron of {LAYER_COUNTS[0]} to {LAYER_COUNTS[1]} fits"
        )
    names = _layer_order(file, weights)
    layers = [weights[name].double() for name in names]
    if biases:
        layers = [torch.cat([W, b], 1) for W, b in zip(layers, _biases(file, weights, names, biases), strict=True)]
    sizes = (weights[names[0]].shape[1], *(len(W) for W in layers))
    net = Mlp(sizes, _activation(file, metadata, activation), bool(biases))
    if net.P > MAX_PARAMETERS:
        raise file.refuse(f"the network has {net.P} parameters; the limit is {MAX_PARAMETERS}")
    return net, net.join(layers)


def _activation(file: InputFile, metadata: str, requested: str) -> str:
    """Find the activation: the one of the metadata, or the one that is requested where these have none."""
    names, stated = ", ".join(ACTIVATIONS), metadata.lower()
    if metadata and stated not in ACTIVATIONS:
        raise file.refuse(f"its metadata say activation={metadata[:100]!r}; known are {names}")
    if stated and requested not in ("file", stated):
        raise file.refuse(f"its metadata say activation={stated}; network_activation={requested} is asked for")
    if not stated and requested == "file":
        raise file.refuse(
            f"nothing says what bends between its layers: set network_activation to one of {names}, or store the state "
            "with metadata={'activation': 'relu'}"
        )
    return stated or requested


def _refuse_other_layers(file: InputFile, name: str) -> None:
    for pattern, kind in OTHER_LAYERS.items():
        if re.search(pattern, name):
            raise file.refuse(f"{_quoted(name)} is of {kind}; what is read is a perceptron, linear layers in a row")


def _read_file(file: InputFile) -> tuple[StateDict, str]:
    """Read all tensors, and the activation in the metadata, "" for none.

    Nothing is parsed before its size is checked.
    """
    size = file.size(MAX_FILE_BYTES)
    try:
        with file.path.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES)
    except OSError as error:
        raise file.refuse(f"cannot be opened ({error})") from None
    header, most = int.from_bytes(content[:8], "little"), min(MAX_HEADER_BYTES, size - 8)
    if header > most:
        raise file.refuse(f"this is no .safetensors: its header is to have {header} bytes; the limit is {max(most, 0)}")
    try:
        tensors = parse(content)  # checks the form of the header, but lets its metadata be null
        metadata = json.loads(content[8 : 8 + header]).get("__metadata__") or {}
        return tensors, str(metadata.get("activation", ""))
    except DAMAGED as error:
        raise file.refuse(f"this is no .safetensors that can be read ({shortened(str(error), 100)})") from None


def _check_tensor(file: InputFile, name: str, tensor: Tensor) -> None:
    shape = tuple(tensor.shape)
    if tensor.dtype not in DTYPES:
        raise file.refuse(f"{_quoted(name)} is of type {tensor.dtype}; it needs float64, float32, float16 or bfloat16")
    if tensor.ndim not in (1, 2) or 0 in shape:
        raise file.refuse(f"{_quoted(name)} has shape {shape}; a perceptron has weights [out, in] and biases [out]")
    if not bool(tensor.isfinite().all()):
        raise file.refuse(f"{_quoted(name)} has {int((~tensor.isfinite()).sum())} values that are not finite")
    if tensor.ndim == 1 and name.endswith("weight"):
        raise file.refuse(f"{_quoted(name)} is a weight with one axis, as of a normalisation; a perceptron has none")
    if (most := float(tensor.double().abs().max())) > LARGEST_VALUE:
        raise file.refuse(f"{_quoted(name)} has values up to {most:.1e}; the limit is {LARGEST_VALUE:.0e}")


def _quoted(name: str) -> str:
    return repr(name[:100])


def _layer_order(file: InputFile, weights: StateDict) -> Sequence[str]:
    """Names of the layers, input to output."""
    names = sorted(weights, key=_number_key)
    if len({_without_numbers(name) for name in names}) == 1:
        for below, above in pairwise(names):
            width, shape = len(weights[below]), tuple(weights[above].shape)
            if shape[1] != width:
                raise file.refuse(f"{_quoted(above)} has shape {shape}; after {_quoted(below)} it needs [out, {width}]")
        return names
    orders = [order for order in permutations(names) if _fits(weights, order) and _keeps_number_order(names, order)]
    if len(orders) != 1:
        shapes = ", ".join(f"{_quoted(name)} {tuple(weights[name].shape)}" for name in names)
        advice = ": number all names, as in 0.weight, 1.weight" if orders else ": each layer takes what the last makes"
        raise file.refuse(f"the weights {shapes} fit each other in {len(orders)} orders, not in one{advice}")
    return orders[0]


def _keeps_number_order(names: Sequence[str], order: Sequence[str]) -> bool:
    """Whether names that differ in a number only stay as they are sorted."""
    stems = {_without_numbers(name) for name in names}
    return all(
        [n for n in order if _without_numbers(n) == stem] == [n for n in names if _without_numbers(n) == stem]
        for stem in stems
    )


def _without_numbers(name: str) -> str:
    return re.sub(r"\d+", "", name)


def _number_key(name: str) -> list[tuple[int, str]]:
    """Sort key by which 2 comes before 10; digits stay text, since Python makes no number of thousands of them."""
    parts = re.split(r"(\d+)", name)
    return [(len(part.lstrip("0")), part.lstrip("0")) if part.isdecimal() else (-1, part) for part in parts]


def _fits(weights: StateDict, order: Sequence[str]) -> bool:
    return all(len(weights[below]) == weights[above].shape[1] for below, above in pairwise(order))


def _biases(file: InputFile, weights: StateDict, names: Sequence[str], biases: StateDict) -> list[Tensor]:
    """Biases `[out, 1]` of each layer."""
    names_by_prefix = {_prefix(name): name for name in biases}
    if (
        len(biases) != len(names)
        or len(names_by_prefix) != len(names)
        or names_by_prefix.keys() != {_prefix(name) for name in names}
    ):
        raise file.refuse(
            f"the biases {', '.join(map(_quoted, sorted(biases)))} do not belong to the weights "
            f"{', '.join(map(_quoted, names))}: all or none have one, of the same name up to its last . or _"
        )
    ordered = [biases[names_by_prefix[_prefix(name)]] for name in names]
    for name, bias in zip(names, ordered, strict=True):
        if len(bias) != len(weights[name]):
            at, shape = names_by_prefix[_prefix(name)], tuple(bias.shape)
            raise file.refuse(
                f"{_quoted(at)} has shape {shape}; {_quoted(name)} needs a bias of [{len(weights[name])}]"
            )
    return [bias.double()[:, None] for bias in ordered]


def _prefix(name: str) -> str:
    return re.sub(r"[._][^._]*$", "", name)


MAX_SAMPLES, MAX_ACTIVATIONS = 20_000, 2 * 10**7
"""Most samples that are taken, and most activations that one layer may make of them."""

HELD_OUT = 5
"""One of so many samples with labels or targets is kept for the test."""


class OwnSamples(NamedTuple):
    """Samples with or without labels or targets."""

    X: Tensor
    """`[n, d]`."""
    y: Tensor | None
    """Labels, whole numbers `[n]`, or targets `[n, k]`; None for neither."""


def load(network: str, data: str, activation: str = "file") -> tuple[Mlp, Tensor, OwnSamples]:
    """Read the perceptron, its parameters `[P]` and its samples, in float64; activation as in `load_perceptron`.

    Raises `ConfigError` for paths that do not end in .safetensors and .npz, for files that cannot be read within the
    limits, for a network and samples that do not fit each other, and where no activation is given.
    """
    states, samples = InputFile("LossLandscape.network", Path(network)), InputFile("LossLandscape.data", Path(data))
    for file, suffix in ((states, ".safetensors"), (samples, ".npz")):
        if file.path.suffix != suffix:  # nothing is told of files that cannot be meant
            raise file.refuse(f"it must be the path of a file that ends in {suffix}")
    net, theta = load_perceptron(states, activation)
    given = _samples(samples, net)
    A, Z = net.layers(theta, given.X)
    if not bool(Z[-1].isfinite().all()):
        raise samples.refuse("the network makes outputs of X that are not finite")
    if (most := max(float(at.abs().max()) for at in (*A, Z[-1]))) > LARGEST_VALUE:
        raise samples.refuse(f"X or what layers make of it reaches {most:.1e}; the limit is {LARGEST_VALUE:.0e}")
    return net, theta, given


def supervised_subject(net: Mlp, theta: Tensor, samples: OwnSamples, seeds: tuple[int, ...]) -> Trainable:
    """Trainable network with cross-entropy on labels, or half the squared error on targets.

    A fifth is held out, the same for all. theta `[B, P]`.
    """
    X, y = samples
    assert y is not None
    criterion = half_squared_error if y.is_floating_point() else cross_entropy
    order = torch.randperm(len(X), generator=initialisation.stream(0))
    held_out, shown = order.tensor_split([max(1, len(X) // HELD_OUT)])
    return Trainable(net, Samples(X[shown], y[shown]), Samples(X[held_out], y[held_out]), criterion, theta, seeds)


def _samples(file: InputFile, net: Mlp) -> OwnSamples:
    arrays = read(file, {"X": REAL}, {"y": REAL})
    X, y = arrays["X"], arrays.get("y")
    if X.ndim != 2 or X.shape[1] != net.sizes[0]:
        raise file.refuse(f"X has shape {X.shape}; the network needs [samples, {net.sizes[0]}]")
    _check_size(file, len(X), max(net.sizes))
    if not np.isfinite(X).all():
        raise file.refuse(f"X has {int((~np.isfinite(X)).sum())} values that are not finite")
    shown = None if y is None else torch.from_numpy(_targets(file, y, len(X), net.sizes[-1]))
    return OwnSamples(torch.from_numpy(X.astype(np.float64, order="C")), shown)


def _check_size(file: InputFile, n: int, widest: int) -> None:
    if not 1 <= n <= MAX_SAMPLES:
        raise file.refuse(f"X has {n} samples; allowed are 1 to {MAX_SAMPLES}")
    if n * widest > MAX_ACTIVATIONS:
        raise file.refuse(
            f"{n} samples times a layer of {widest} are {n * widest} activations; the limit is {MAX_ACTIVATIONS}"
        )


def _targets(file: InputFile, y: np.ndarray, n: int, outputs: int) -> np.ndarray:
    """Labels as whole numbers `[n]`, or targets `[n, k]`: of one output, and where y has an axis of outputs."""
    if n < 2:
        raise file.refuse("y is of 1 sample; two at least are needed, one of them to test")
    if not np.isfinite(y).all():
        raise file.refuse(f"y has {int((~np.isfinite(y)).sum())} values that are not finite")
    if y.shape == (n, outputs) and (y.dtype.kind == "f" or outputs == 1):
        return y.astype(np.float64)
    if y.shape == (n,) and outputs == 1:
        return y.astype(np.float64)[:, None]
    if y.shape != (n,):
        raise file.refuse(
            f"y has shape {y.shape} and type {y.dtype}; labels of {n} samples are whole numbers of shape ({n},), "
            f"targets real ones of shape ({n}, {outputs})"
        )
    return _labels(file, y, outputs)


def _labels(file: InputFile, y: np.ndarray, outputs: int) -> np.ndarray:
    """Return the output of each sample: its label if that is an output's number, else the label's place in their order.

    Raises `ConfigError` for labels that are not whole, or not as many as the network has outputs.
    """
    if (y != np.round(y)).any():
        raise file.refuse(f"y has labels that are no whole numbers, as {float(y[y != np.round(y)][0]):.6g}")
    if y.min() >= 0 and y.max() < outputs:
        return y.astype(np.int64)
    classes, places = np.unique(y, return_inverse=True)
    if len(classes) != outputs:
        raise file.refuse(
            f"y has {len(classes)} labels from {y.min():g} to {y.max():g}; the network has outputs 0 to {outputs - 1}"
        )
    return places.ravel().astype(np.int64)
