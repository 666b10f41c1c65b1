"""Multi-layer perceptrons as functions of a flat vector of parameters, batched over any leading axes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "square": torch.square,
    "gelu": torch.nn.functional.gelu,
    "tanh": torch.tanh,
    "linear": lambda z: z,
}


@dataclass(frozen=True)
class Mlp:
    """`a^0 = x`, `z^{l+1} = W^l [a^l; 1]`, `a^{l+1} = phi(z^{l+1})`, the last layer linear; biases folded in.

    Without biases `D_l = d_l` instead of `d_l + 1`, and nothing is appended.
    """

    sizes: tuple[int, ...]
    """Widths d_0 .. d_L."""
    activation: str = "relu"
    bias: bool = True

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Shapes of W^0 .. W^{L-1}, `(d_{l+1}, D_l)`."""
        pairs = zip(self.sizes[1:], self.sizes[:-1], strict=True)
        return tuple((rows, columns + self.bias) for rows, columns in pairs)

    @property
    def P(self) -> int:
        """Number of parameters, `sum_l d_{l+1} D_l`."""
        return sum(rows * columns for rows, columns in self.shapes)

    def split(self, theta: Tensor) -> list[Tensor]:
        """Weights `W^l [*, d_{l+1}, D_l]` of parameters `theta [*, P]`; views, rows first."""
        parts = theta.split([rows * columns for rows, columns in self.shapes], -1)
        return [part.unflatten(-1, shape) for part, shape in zip(parts, self.shapes, strict=True)]

    def join(self, tensors: list[Tensor]) -> Tensor:
        """Flatten weights `W^l [*, d_{l+1}, D_l]` into `[*, P]`, the inverse of `split`."""
        return torch.cat([W.flatten(-2) for W in tensors], -1)

    def extended(self, a: Tensor) -> Tensor:
        """Append the constant 1 if there are biases: `[a; 1]`, `[*, n, D]`."""
        return torch.cat([a, a.new_ones(*a.shape[:-1], 1)], -1) if self.bias else a

    def layers(self, theta: Tensor, X: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Inputs `at^0 .. at^{L-1}` of the layers `[*, n, D_l]` and what they make `z^1 .. z^L [*, n, d_l]`.

        theta `[*, P]`, X `[*, n, d_0]`; leading axes broadcast.
        """
        inputs, made, at = [], [], self.extended(X)
        for W in self.split(theta):
            made.append(at @ W.mT)
            inputs.append(at.expand(*made[-1].shape[:-1], -1))  # after the product: shared samples make a larger one
            at = self.extended(ACTIVATIONS[self.activation](made[-1]))
        return inputs, made

    def __call__(self, theta: Tensor, X: Tensor) -> Tensor:
        """Outputs `f [*, n, d_L]`, as the last of `layers`, quicker: wide products, nothing is appended."""
        at = X.mT
        for layer, W in enumerate(self.split(theta)):
            z = W[..., : W.shape[-1] - self.bias] @ (ACTIVATIONS[self.activation](at) if layer else at)
            at = z.add_(W[..., -1:]) if self.bias else z  # in place: new memory costs more than the sum
        return at.mT

    def pullback(self, theta: Tensor, X: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """Outputs `f [*, n, d_L]` of a ReLU net, and the function of `dL/df` that gives `dL/dtheta [*, P]`.

        As by autograd, product by product; quicker, as gates are closed in place and no graph is kept.
        """
        weights = [W[..., : W.shape[-1] - self.bias] for W in self.split(theta)]
        inputs, at, members = [], X.mT, theta.shape[:-1]
        if X.shape[:-2] != members:  # lies in memory as a product of stacks has it, so that it rounds as one
            at = at.expand(*members, -1, -1).flatten(0, -3).unflatten(0, members)
        for W, whole in zip(weights, self.split(theta), strict=True):
            inputs.append(at.relu_() if inputs else at)
            at = W @ at
            at = at.add_(whole[..., -1:]) if self.bias else at

        def pull(slope: Tensor) -> Tensor:
            gradient, d = torch.empty_like(theta), slope.mT
            parts = self.split(gradient)
            for layer in reversed(range(len(weights))):
                parts[layer][..., : weights[layer].shape[-1]] = d @ inputs[layer].mT
                if self.bias:
                    parts[layer][..., -1] = d.sum(-1)
                if layer:
                    d = weights[layer].mT @ d
                    torch.ops.aten.threshold_backward.grad_input(d, inputs[layer], 0, grad_input=d)
            return gradient

        return at.mT, pull
