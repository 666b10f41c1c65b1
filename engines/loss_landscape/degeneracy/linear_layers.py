"""Linear maps inside any module: what each takes in, and the derivatives of the outputs by what it makes.

A linear layer and a convolution are maps `z = W a + b` at every position: the pixel's patch, the token, the sample
itself. A change dW is free where `G dW a` sums to zero over the positions of every sample, hence whenever it is zero at
each: `d D - r_g r_a` directions, with ranks over samples and positions. Bushnaq et al. 2024, types 1 and 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import unfold


class LinearMaps(NamedTuple):
    """Linear maps of a module by the names of their submodules."""

    A: dict[str, Tensor]
    """Inputs `[m, D]` at m samples and positions, the constant 1 last where there is a bias."""
    G: dict[str, Tensor]
    """Derivatives of the outputs `[m, k, d]`."""


def linear_maps(module: nn.Module, outputs: Callable[[], Tensor]) -> LinearMaps:
    """Find inputs and derivatives of all linear layers and convolutions that `outputs() -> [n, k]` passes through.

    One that is used several times has the positions of all its uses; convolutions in groups, or with another padding
    than zeros, are left out.
    """
    calls: list[tuple[str, Tensor, Tensor]] = []

    def note(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def hook(one: nn.Module, given: Any, made: Tensor) -> None:
            if made.requires_grad:  # what no free parameter reaches has no derivatives to speak of
                calls.append((name, _patches(one, given[0].detach()), made))

        return hook

    chosen = {name: one for name, one in module.named_modules() if _is_linear_map(one)}
    handles = [one.register_forward_hook(note(name)) for name, one in chosen.items()]
    try:
        with torch.enable_grad():
            made = outputs()
            steps = [call[2] for call in calls]
            rows = [torch.autograd.grad(f.sum(), steps, retain_graph=True, allow_unused=True) for f in made.unbind(-1)]
    finally:
        for handle in handles:
            handle.remove()
    A, G = {}, {}
    for at, (name, patches, step) in enumerate(calls):
        derivative = torch.stack([_by_position(chosen[name], _or_zero(row[at], step)) for row in rows], 1)
        A[name] = torch.cat([A[name], patches]) if name in A else patches
        G[name] = torch.cat([G[name], derivative]) if name in G else derivative
    return LinearMaps(A, G)


def _or_zero(derivative: Tensor | None, like: Tensor) -> Tensor:
    return torch.zeros_like(like) if derivative is None else derivative


def _is_linear_map(one: nn.Module) -> bool:
    if isinstance(one, nn.Conv2d):
        return one.groups == 1 and one.padding_mode == "zeros" and not isinstance(one.padding, str)
    return isinstance(one, nn.Linear)


def _patches(one: nn.Module, x: Tensor) -> Tensor:
    """Inputs `[m, D]` of a layer at all samples and positions, with the constant 1 where it has a bias."""
    if isinstance(one, nn.Conv2d):
        size, dilation, padding, stride = (tuple(getattr(one, key)) for key in _WINDOW)
        x = unfold(x, size, dilation, padding, stride).mT
    flat = x.reshape(-1, x.shape[-1])
    return flat if one.bias is None else torch.cat([flat, flat.new_ones(len(flat), 1)], 1)


_WINDOW = ("kernel_size", "dilation", "padding", "stride")


def _by_position(one: nn.Module, z: Tensor) -> Tensor:
    """Derivatives `[m, d]` at all samples and positions, in the order of `_patches`."""
    z = z.flatten(2).mT if isinstance(one, nn.Conv2d) else z
    return z.reshape(-1, z.shape[-1])
