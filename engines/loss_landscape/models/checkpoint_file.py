"""A `.safetensors` state of a perceptron: a file that may be anything, read within limits; nothing is ever unpickled.

Weights are `[out, in]`; biases, for all layers or for none, share the name of their weight before its last dot or
underscore. What bends between the layers no tensor says: it is in the file's metadata, as `activation`, or asked for.
Layers whose names differ in a number only are in the order of these numbers; all are in the one order in which their
shapes fit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import pairwise, permutations

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse
from torch import Tensor

from engines.core.files.input_file import Named
from engines.loss_landscape.models.mlp import ACTIVATIONS, Mlp

FILE, HEADER = 4 * 2**20, 2**16
"""The most bytes that the file may have, and its header."""

LAYERS, PARAMETERS = (2, 8), 200_000
"""What is analysed."""

LARGEST = 1e50
"""The largest number that a network may hold or make: squares of its derivatives have to be numbers."""

OTHERS = {
    r"weight_[ih]h_l\d+|bias_[ih]h_l\d+": "a recurrent layer",
    r"running_(mean|var)|num_batches_tracked": "a batch normalisation: fold it into the layer beside it",
    r"in_proj_(weight|bias)|[qkv]_proj|self_attn": "an attention layer",
}
"""What else a name may belong to."""

DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)

DAMAGED = (SafetensorError, ValueError, KeyError, TypeError, AssertionError, RuntimeError, OverflowError)
"""What a file that is not what it says makes the reader raise."""

State = dict[str, Tensor]


def load(file: Named, activation: str = "file") -> tuple[Mlp, Tensor]:
    """The perceptron and its parameters `[P]` in float64; activation: "file" or what bends in it.

    Raises `ConfigError` with the tensor and what it needs, and for an activation that is not known.
    """
    state, said = _read(file)
    for name in state:
        _check_kind(file, name)
    for name, tensor in state.items():
        _check(file, name, tensor)
    weights, biases = ({name: one for name, one in state.items() if one.ndim == axes} for axes in (2, 1))
    if not LAYERS[0] <= len(weights) <= LAYERS[1]:
        raise file.refuse(f"it holds {len(weights)} weights [out, in]; a perceptron of {LAYERS[0]} to {LAYERS[1]} fits")
    names = _ordered(file, weights)
    layers = [weights[name].double() for name in names]
    if biases:
        layers = [torch.cat([W, b], 1) for W, b in zip(layers, _biases(file, weights, names, biases), strict=True)]
    sizes = (weights[names[0]].shape[1], *(len(W) for W in layers))
    net = Mlp(sizes, _activation(file, said, activation), bool(biases))
    if net.P > PARAMETERS:
        raise file.refuse(f"the network has {net.P} parameters; the limit is {PARAMETERS}")
    return net, net.join(layers)


def _activation(file: Named, said: str, asked: str) -> str:
    """Find the activation: what the file says, or what is asked for where it says nothing."""
    known, found = ", ".join(ACTIVATIONS), said.lower()
    if said and found not in ACTIVATIONS:
        raise file.refuse(f"its metadata say activation={said[:100]!r}; known are {known}")
    if found and asked not in ("file", found):
        raise file.refuse(f"its metadata say activation={found}; network_activation={asked} is asked for")
    if not found and asked == "file":
        raise file.refuse(
            f"nothing says what bends between its layers: set network_activation to one of {known}, or store the state "
            "with metadata={'activation': 'relu'}"
        )
    return found or asked


def _check_kind(file: Named, name: str) -> None:
    for pattern, kind in OTHERS.items():
        if re.search(pattern, name):
            raise file.refuse(f"{_short(name)} is of {kind}; what is read is a perceptron, linear layers in a row")


def _read(file: Named) -> tuple[State, str]:
    """All tensors, and the activation in the metadata, "" for none; nothing is parsed before its size is known."""
    size = file.size(FILE)
    try:
        with file.path.open("rb") as stream:
            content = stream.read(FILE)
    except OSError as error:
        raise file.refuse(f"cannot be opened ({error})") from None
    header, most = int.from_bytes(content[:8], "little"), min(HEADER, size - 8)
    if header > most:
        raise file.refuse(f"this is no .safetensors: its header is to have {header} bytes; the limit is {max(most, 0)}")
    try:
        return parse(content), str(json.loads(content[8 : 8 + header]).get("__metadata__", {}).get("activation", ""))
    except DAMAGED as error:
        raise file.refuse(f"this is no .safetensors that can be read ({type(error).__name__}: {error})"[:400]) from None


def _check(file: Named, name: str, tensor: Tensor) -> None:
    shape = tuple(tensor.shape)
    if tensor.dtype not in DTYPES:
        raise file.refuse(f"{_short(name)} is of type {tensor.dtype}; it needs float64, float32, float16 or bfloat16")
    if tensor.ndim not in (1, 2) or 0 in shape:
        raise file.refuse(f"{_short(name)} has shape {shape}; a perceptron has weights [out, in] and biases [out]")
    if not bool(tensor.isfinite().all()):
        raise file.refuse(f"{_short(name)} has {int((~tensor.isfinite()).sum())} values that are not finite")
    if tensor.ndim == 1 and name.endswith("weight"):
        raise file.refuse(f"{_short(name)} is a weight with one axis, as of a normalisation; a perceptron has none")
    if (most := float(tensor.double().abs().max())) > LARGEST:
        raise file.refuse(f"{_short(name)} has values up to {most:.1e}; the limit is {LARGEST:.0e}")


def _short(name: str) -> str:
    return repr(name[:100])


def _ordered(file: Named, weights: State) -> Sequence[str]:
    """Names of the layers, input to output."""
    names = sorted(weights, key=_by_number)
    if len({_stem(name) for name in names}) == 1:
        for below, above in pairwise(names):
            width, shape = len(weights[below]), tuple(weights[above].shape)
            if shape[1] != width:
                raise file.refuse(f"{_short(above)} has shape {shape}; after {_short(below)} it needs [out, {width}]")
        return names
    orders = [order for order in permutations(names) if _fits(weights, order) and _counted(names, order)]
    if len(orders) != 1:
        shapes = ", ".join(f"{_short(name)} {tuple(weights[name].shape)}" for name in names)
        advice = ": number all names, as in 0.weight, 1.weight" if orders else ": each layer takes what the last makes"
        raise file.refuse(f"the weights {shapes} fit each other in {len(orders)} orders, not in one{advice}")
    return orders[0]


def _counted(names: Sequence[str], order: Sequence[str]) -> bool:
    """Whether names that differ in a number only stay as they are sorted."""
    stems = {_stem(name) for name in names}
    return all([n for n in order if _stem(n) == stem] == [n for n in names if _stem(n) == stem] for stem in stems)


def _stem(name: str) -> str:
    return re.sub(r"\d+", "", name)


def _by_number(name: str) -> list[tuple[int, str]]:
    """2 before 10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _fits(weights: State, order: Sequence[str]) -> bool:
    return all(len(weights[below]) == weights[above].shape[1] for below, above in pairwise(order))


def _biases(file: Named, weights: State, names: Sequence[str], biases: State) -> list[Tensor]:
    """`[out, 1]` of each layer."""
    own = {_prefix(name): name for name in biases}
    if len(biases) != len(names) or len(own) != len(names) or own.keys() != {_prefix(name) for name in names}:
        raise file.refuse(
            f"the biases {', '.join(map(_short, sorted(biases)))} do not belong to the weights "
            f"{', '.join(map(_short, names))}: all or none have one, of the same name up to its last . or _"
        )
    found = [biases[own[_prefix(name)]] for name in names]
    for name, bias in zip(names, found, strict=True):
        if len(bias) != len(weights[name]):
            at, shape = own[_prefix(name)], tuple(bias.shape)
            raise file.refuse(f"{_short(at)} has shape {shape}; {_short(name)} needs a bias of [{len(weights[name])}]")
    return [bias.double()[:, None] for bias in found]


def _prefix(name: str) -> str:
    return re.sub(r"[._][^._]*$", "", name)
