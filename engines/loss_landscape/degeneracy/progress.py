"""Long computations stage by stage: a generator says which share of the work is done, and returns the result."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

T = TypeVar("T")
S = TypeVar("S")

Stages = Generator[float, None, T]
"""Shares from 0 to 1, in order, and a result."""


def mapped(stages: Stages[T], of: Callable[[float], S]) -> Generator[S, None, T]:
    """`of(share)` in place of each share; the result is the same."""
    while True:
        try:
            share = next(stages)
        except StopIteration as end:
            return end.value
        yield of(share)


def finished(stages: Stages[T]) -> T:
    """The result, without a stop."""
    while True:
        try:
            next(stages)
        except StopIteration as end:
            return end.value
