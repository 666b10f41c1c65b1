"""Synchronised neurons: those whose ReLUs fire on the same data."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Blocks(NamedTuple):
    """Classes of neurons with identical columns of gates."""

    same: Tensor
    """Whether neurons i and j are in one block, bool `[..., d, d]`."""
    dead: Tensor
    """Whether a neuron never fires, bool `[..., d]`."""
    on: Tensor
    """Whether it always does, bool `[..., d]`."""

    @property
    def first(self) -> Tensor:
        """Whether a neuron is the first of its block, bool `[..., d]`."""
        return ~self.same.tril(-1).any(-1)

    @property
    def number(self) -> Tensor:
        """Blocks of the layer, `[...]`; the dead neurons are one."""
        return self.first.sum(-1)

    @property
    def live(self) -> Tensor:
        """Whether both neurons are in one block that fires at all, bool `[..., d, d]`."""
        return self.same & ~self.dead[..., None]

    @property
    def sizes(self) -> Tensor:
        """Neurons of the block that a neuron is the first of, 0 where it is not; integer `[..., d]`."""
        return self.same.sum(-1) * self.first


def agreement(gates: Tensor) -> Tensor:
    """Share of the data on which two neurons agree, `(gᵀg + (1-g)ᵀ(1-g))/n`: gates `[..., n, d]`, `[..., d, d]`.

    One product; counts up to 2^53 are exact, so that 1 says identical and no hash can collide.
    """
    g = gates.double()
    return (g.mT @ g + (1 - g).mT @ (1 - g)) / gates.shape[-2]


def blocks(gates: Tensor) -> Blocks:
    """The blocks of a hidden layer with gates `[..., n, d]`, bool."""
    return Blocks(agreement(gates) == 1, ~gates.any(-2), gates.all(-2))
