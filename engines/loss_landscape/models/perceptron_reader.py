"""Reading a module as a perceptron: linear layers in a row, one activation between them, batch normalisation folded.

The activation is read from the module, never assumed, and what was read is compared with what the module computes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, fx, nn

from engines.loss_landscape.models.mlp import Mlp

ACTIVATIONS: dict[Callable[..., Tensor] | str, str] = {
    torch.relu: "relu", nn.functional.relu: "relu", "relu": "relu", torch.tanh: "tanh", nn.functional.tanh: "tanh",
    "tanh": "tanh", nn.functional.gelu: "gelu", torch.square: "square", "square": "square",
}  # fmt: skip
"""Functions and methods of tensors that are activations."""

PLAIN = (nn.Identity, nn.Dropout, nn.AlphaDropout)
"""Modules that change nothing in evaluation mode."""

KEYS = ("weight", "bias", "running_mean", "running_var")
"""Tensors of a layer that is read."""

FLATTENING = (torch.flatten, "flatten")


class NotRead(Exception):
    """The module is no perceptron, for the reason that is given."""


@dataclass
class _Layer:
    """An affine map that is being made: `z = W a + b`, and what bends after it."""

    W: Tensor
    b: Tensor | None
    bend: str = ""


@dataclass
class _Chain:
    """Layers read so far; what scales the input of the next one, as `scale * a + shift`."""

    layers: list[_Layer] = field(default_factory=list)
    scale: Tensor | None = None
    shift: Tensor | None = None
    folded: int = 0

    def linear(self, W: Tensor, b: Tensor | None) -> None:
        if self.layers and not self.layers[-1].bend:
            self.layers[-1].bend = "linear"
        if self.scale is not None and self.shift is not None:
            b, W = (0 if b is None else b) + W @ self.shift, W * self.scale
            self.scale = self.shift = None
        self.layers.append(_Layer(W, b))

    def normalise(self, scale: Tensor, shift: Tensor) -> None:
        self.folded += 1
        if self.layers and not self.layers[-1].bend:
            last = self.layers[-1]
            last.W = scale[:, None] * last.W
            last.b = scale * (0 if last.b is None else last.b) + shift
        elif self.scale is not None:
            raise NotRead("batch normalisation follows another one")
        else:
            self.scale, self.shift = scale, shift

    def bends(self, activation: str) -> None:
        if not self.layers or self.layers[-1].bend:
            raise NotRead("an activation stands without a linear layer before it")
        self.layers[-1].bend = activation


@dataclass(frozen=True)
class ReadPerceptron:
    """A perceptron that computes what a module computes."""

    net: Mlp
    theta: Tensor
    """Parameters of the perceptron, `[P]`."""
    folded: int
    """Number of normalising layers that were folded."""


def read_perceptron(module: nn.Module, params: Mapping[str, Tensor], X: Tensor, outputs: Tensor) -> ReadPerceptron:
    """Read a module in evaluation mode at some parameters as a perceptron of samples `X [n, *]`, flat.

    Raises `NotRead` where it is none, or does not make `outputs [n, k]` of them.
    """
    try:
        graph = fx.symbolic_trace(module).graph
    except Exception as error:
        raise NotRead("what it computes cannot be followed step by step") from error
    tensors = dict(module.named_buffers()) | dict(module.named_parameters()) | dict(params)
    chain = _Chain()
    before: fx.Node | None = None
    for node in graph.nodes:
        if node.op == "output":
            if node.args[0] is not before:
                raise NotRead("its output is not that of its last layer")
            break
        if before is not None and [*node.all_input_nodes] != [before]:
            raise NotRead("its layers do not lie in a row")
        if node.op != "placeholder":
            _follow(chain, node, module, tensors)
        elif before is not None:
            raise NotRead("it has several inputs")
        before = node
    return _checked(chain, X, outputs)


def _follow(chain: _Chain, node: fx.Node, module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Add what a node computes to the chain."""
    if node.op != "call_module":
        if node.target in ACTIVATIONS and (node.kwargs.get("approximate", "none") == "none"):
            chain.bends(ACTIVATIONS[node.target])
        elif not (node.target in FLATTENING and node.args[1:] in ((1,), (1, -1)) and not chain.layers):
            raise NotRead(f"it computes {getattr(node.target, '__name__', node.target)}")
        return
    name, one = str(node.target), module.get_submodule(str(node.target))
    values = {key: tensors[f"{name}.{key}"].double() for key in KEYS if f"{name}.{key}" in tensors}
    if isinstance(one, nn.Linear):
        chain.linear(values["weight"], values.get("bias"))
    elif isinstance(one, nn.BatchNorm1d) and "running_mean" in values:
        scale = values.get("weight", torch.ones(())) / (values["running_var"] + one.eps).sqrt()
        chain.normalise(scale, values.get("bias", torch.zeros(())) - scale * values["running_mean"])
    elif isinstance(one, nn.Flatten) and not chain.layers:
        pass
    elif not isinstance(one, PLAIN):
        chain.bends(_activation_of(one))


def _activation_of(one: nn.Module) -> str:
    """Name the activation that a module is. Raises `NotRead` for another module."""
    kinds = {nn.ReLU: "relu", nn.Tanh: "tanh"}
    if type(one) in kinds:
        return kinds[type(one)]
    if isinstance(one, nn.GELU) and one.approximate == "none":
        return "gelu"
    raise NotRead(f"it contains {type(one).__name__}")


def _checked(chain: _Chain, X: Tensor, outputs: Tensor) -> ReadPerceptron:
    """Make the perceptron of a chain, and compare what it computes."""
    layers = chain.layers
    if not layers or chain.scale is not None or layers[-1].bend:
        raise NotRead("it does not end with a linear layer")
    bends = {layer.bend for layer in layers[:-1]}
    if len(bends) > 1:
        raise NotRead(f"different activations stand between its layers: {', '.join(sorted(bends))}")
    biased = [layer.b is not None for layer in layers]
    if any(biased) and not all(biased):
        raise NotRead("some of its layers have biases and some have not")
    sizes = (layers[0].W.shape[1], *(len(layer.W) for layer in layers))
    net = Mlp(sizes, bends.pop() if bends else "linear", all(biased))
    theta = net.join([layer.W if layer.b is None else torch.cat([layer.W, layer.b[:, None]], 1) for layer in layers])
    flat = X.flatten(1).double()
    made = net(theta, flat) if flat.shape[1] == sizes[0] else None
    if made is None or not torch.allclose(made, outputs.double(), rtol=1e-8, atol=1e-8):
        raise NotRead("a perceptron of its layers computes something else")
    return ReadPerceptron(net, theta, chain.folded)
