"""Loss surfaces: 51 x 51 points of a network on digits, against a plain loop and a peer where that is installed.

The peer draws its directions itself, so that its losses are not ours; those of the loop are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn

from benchmarks.peers import there
from benchmarks.timing import best, head, row
from engines.loss_landscape.loss_surface.planes import filter_normalised
from engines.loss_landscape.loss_surface.surface import (
    Plane,
    evaluate_coordinates,
    mlp_losses_on_plane,
    square_axes,
)
from engines.loss_landscape.models import digits
from engines.loss_landscape.models.mlp import Mlp

POINTS = 51
AXES = square_axes(1, POINTS)


def main() -> None:
    """Print all rows, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for hidden in ((16, 16), (64, 64)):
        _surfaces(hidden)
    torch.set_num_threads(threads)


def _surfaces(hidden: tuple[int, ...]) -> None:
    subject = digits.digits_subject([0], hidden).to(torch.float32)
    net, (X, y), theta = subject.model, subject.train, subject.start[0]
    assert isinstance(net, Mlp)
    plane = Plane(theta, torch.stack([filter_normalised(net, theta, seed, True) for seed in (1, 2)]))
    layers = module(net, theta)
    head(f"Loss surfaces, 1 thread, float32, {net.sizes}, P = {net.P}, n = {len(X)}, {POINTS}²")

    def batched() -> Tensor:
        return last(evaluate_coordinates(mlp_losses_on_plane(net, plane, subject.train), AXES))

    ours, values = best(batched, 3), batched()
    generic = best(lambda: last(evaluate_coordinates(lambda places: subject.loss(plane.at(places)), AXES)), 3)
    row("batches of any model over those of a perceptron", generic / ours, "", f"{generic:.2f} s against {ours:.2f} s")
    looped = loop(net, layers, plane, X, y)
    one, off = best(looped, 3), (looped() - values).abs().max() / values.max()
    row("a plain loop over ours", one / ours, "", f"{one:.2f} s against {ours:.2f} s; they differ by {off:.0e}")
    if not there("loss_landscapes.metrics"):
        return
    theirs = best(peer(layers, X, y), 3)
    row("loss-landscapes over ours", theirs / ours, ">= 10", f"{theirs:.2f} s against {ours:.2f} s")


def last(stages: Iterator[Tensor]) -> Tensor:
    *_, values = stages
    return values


def module(net: Mlp, theta: Tensor) -> nn.Sequential:
    layers = [nn.Linear(a, b) for a, b in pairwise(net.sizes)]
    write(net, layers, theta)
    return nn.Sequential(*[one for layer in layers for one in (layer, nn.ReLU())][:-1])


def write(net: Mlp, layers: list[nn.Linear], theta: Tensor) -> None:
    for layer, W in zip(layers, net.split(theta), strict=True):
        layer.weight.data, layer.bias.data = W[:, :-1], W[:, -1]


def loop(net: Mlp, model: nn.Sequential, plane: Plane, X: Tensor, y: Tensor) -> Callable[[], Tensor]:
    layers = [layer for layer in model if isinstance(layer, nn.Linear)]

    @torch.no_grad()
    def run() -> Tensor:
        found = []
        for coordinates in torch.cartesian_prod(*AXES).float():
            write(net, layers, plane.at(coordinates))
            found.append(nn.functional.cross_entropy(model(X), y))
        write(net, layers, plane.origin)
        return torch.stack(found).view(POINTS, POINTS)

    return run


def peer(model: nn.Sequential, X: Tensor, y: Tensor) -> Callable[[], object]:
    import loss_landscapes
    from loss_landscapes.metrics import Loss

    metric = Loss(nn.functional.cross_entropy, X, y)
    return lambda: loss_landscapes.random_plane(model, metric, 1, POINTS, "filter", deepcopy_model=True)


if __name__ == "__main__":
    main()
