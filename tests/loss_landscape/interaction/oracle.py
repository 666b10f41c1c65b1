"""The interaction basis once more, literally: one network, one sample at a time, Jacobians by autograd."""

from __future__ import annotations

import torch
from torch import Tensor

from engines.loss_landscape.interaction.basis import append_one
from engines.loss_landscape.models.mlp import Mlp


def network(sizes, seed=0, n=60, biases=0.5):
    """A random ReLU network `[P]` and Gaussian samples `[n, d_0]`."""
    net, source = Mlp(sizes), torch.Generator().manual_seed(seed)
    layers = [torch.randn(shape, generator=source, dtype=torch.float64) for shape in net.shapes]
    scaled = [torch.cat([1.5 * W[:, :-1] / W[:, :-1].shape[1] ** 0.5, biases * W[:, -1:]], 1) for W in layers]
    return net, net.join(scaled), torch.randn(n, sizes[0], generator=source, dtype=torch.float64)


class Plain:
    """`sections[l]` maps one extended activation to the next, outputs extended too."""

    def __init__(self, net: Mlp, theta: Tensor, X: Tensor) -> None:
        self.weights, self.L = net.split(theta), len(net.shapes)
        self.nodes = [append_one(X)]
        for layer in range(self.L):
            self.nodes.append(torch.stack([self.section(layer, at) for at in self.nodes[-1]]))

    def section(self, layer: int, at: Tensor) -> Tensor:
        z = self.weights[layer] @ at
        return torch.cat([z if layer == self.L - 1 else torch.relu(z), at[-1:]])

    def onward(self, layer: int, at: Tensor) -> Tensor:
        """From a node to the output."""
        for later in range(layer, self.L):
            at = self.section(later, at)
        return at

    def jacobian(self, function, at: Tensor) -> Tensor:
        return torch.autograd.functional.jacobian(function, at)

    def seen(self, layer: int, C: Tensor, whole: bool) -> Tensor:
        """M' `[w, w]`: `mean_x Jhᵀ Jh`."""
        function = (lambda at: self.onward(layer, at)) if whole else (lambda at: self.section(layer, at))
        return torch.stack([self._square(C.T @ self.jacobian(function, at)) for at in self.nodes[layer]]).mean(0)

    @staticmethod
    def _square(J: Tensor) -> Tensor:
        return J.T @ J

    def attribution(self, layer: int, source, target, sample: int, points: int = 5) -> Tensor:
        """`fh_j int_0^1 dFh_i/dfh_j(alpha fh) dalpha`, `[r', r]`, by the midpoint rule."""
        fh = self.nodes[layer][sample] @ source.C
        section = lambda u: self.section(layer, u @ source.inverse) @ target.C  # noqa: E731
        alphas = [(k + 0.5) / points for k in range(points)]
        return torch.stack([self.jacobian(section, alpha * fh) for alpha in alphas]).mean(0) * fh
