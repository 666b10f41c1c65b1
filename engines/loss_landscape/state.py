"""A `.safetensors` state of a perceptron: a file that may be anything, read within limits; nothing is ever unpickled.

Weights are `[out, in]`; biases, for all layers or for none, share the name of their weight before its last dot or
underscore. ReLUs in between are assumed. Layers are in the order of the number in their names, if these differ in
nothing else, and otherwise in the one order in which their shapes fit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise, permutations

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse
from torch import Tensor

from engines.core.files import Named
from engines.loss_landscape.mlp import Mlp

FILE, HEADER = 4 * 2**20, 2**16
"""The most bytes that the file may have, and its header."""

LAYERS, PARAMETERS = (2, 8), 200_000
"""What is analysed."""

DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)

DAMAGED = (SafetensorError, ValueError, KeyError, TypeError, AssertionError, RuntimeError, OverflowError)
"""What a file that is not what it says makes the reader raise."""

State = dict[str, Tensor]


def load(file: Named) -> tuple[Mlp, Tensor]:
    """The perceptron and its parameters `[P]` in float64. Raises `ConfigError` with the tensor and what it needs."""
    state = _read(file)
    for name, tensor in state.items():
        _check(file, name, tensor)
    weights, biases = ({name: one for name, one in state.items() if one.ndim == axes} for axes in (2, 1))
    if not LAYERS[0] <= len(weights) <= LAYERS[1]:
        raise file.refuse(f"it holds {len(weights)} weights [out, in]; a perceptron of {LAYERS[0]} to {LAYERS[1]} fits")
    names = _ordered(file, weights)
    layers = [weights[name].double() for name in names]
    if biases:
        layers = [torch.cat([W, b], 1) for W, b in zip(layers, _biases(file, weights, names, biases), strict=True)]
    net = Mlp((weights[names[0]].shape[1], *(len(W) for W in layers)), bias=bool(biases))
    if net.P > PARAMETERS:
        raise file.refuse(f"the network has {net.P} parameters; the limit is {PARAMETERS}")
    return net, net.join(layers)


def _read(file: Named) -> State:
    """All tensors; nothing is parsed before its size is known."""
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
        return parse(content)
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


def _short(name: str) -> str:
    return repr(name[:100])


def _ordered(file: Named, weights: State) -> Sequence[str]:
    """Names of the layers, input to output."""
    names = sorted(weights, key=_by_number)
    if len({re.sub(r"\d+", "", name) for name in names}) == 1:
        for below, above in pairwise(names):
            width, shape = len(weights[below]), tuple(weights[above].shape)
            if shape[1] != width:
                raise file.refuse(f"{_short(above)} has shape {shape}; after {_short(below)} it needs [out, {width}]")
        return names
    orders = [order for order in permutations(names) if _fits(weights, order)]
    if len(orders) != 1:
        shapes = ", ".join(f"{_short(name)} {tuple(weights[name].shape)}" for name in names)
        raise file.refuse(
            f"the weights {shapes} fit each other in {len(orders)} orders, not in one: number their names"
        )
    return orders[0]


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
