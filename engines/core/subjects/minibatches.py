"""Minibatches of samples: tensors, or tuples or mappings of some, whose first axis is the samples; kept or streamed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError, quote

Minibatch = Any
"""A tensor `[n, *]`, or a tuple, list or mapping of such tensors, nested as one likes; other things in it stay."""

KEPT_BYTES = 2**28
"""Bytes of samples that are kept; more are read from their source at every pass."""

COMPARED = 4
"""Minibatches of a second pass that are compared with the first."""


def tensors(minibatch: Minibatch) -> Iterator[Tensor]:
    """Yield all tensors `[n, *]` of a minibatch, in order."""
    if isinstance(minibatch, Tensor):
        yield minibatch
    elif isinstance(minibatch, (Mapping, Sequence)) and not isinstance(minibatch, (str, bytes)):
        for value in minibatch.values() if isinstance(minibatch, Mapping) else minibatch:
            yield from tensors(value)


def map_tensors(minibatch: Minibatch, change: Callable[[Tensor], Tensor]) -> Minibatch:
    """Change every tensor `[n, *]` of a minibatch; mappings become dictionaries, other things stay."""
    if isinstance(minibatch, Tensor):
        return change(minibatch)
    if isinstance(minibatch, Mapping):
        return {key: map_tensors(value, change) for key, value in minibatch.items()}
    if isinstance(minibatch, Sequence) and not isinstance(minibatch, (str, bytes)):
        return tuple(map_tensors(value, change) for value in minibatch)
    return minibatch


def size(minibatch: Minibatch) -> int:
    """Count the samples of a minibatch: the length of the first axis of its tensors, 0 without tensors."""
    return next((len(one) for one in tensors(minibatch) if one.ndim), 0)


def take(minibatch: Minibatch, rows: Tensor | slice) -> Minibatch:
    """Take some samples `rows [m]` of a minibatch."""
    return map_tensors(minibatch, lambda one: one[rows] if one.ndim else one)


def join(minibatches: Iterable[Minibatch]) -> Minibatch:
    """Join minibatches of one structure along the samples. Raises `ConfigError` where samples differ in shape.

    >>> join([(torch.zeros(2, 3), torch.zeros(2)), (torch.ones(1, 3), torch.ones(1))])[0].shape
    torch.Size([3, 3])
    """
    every = list(minibatches)
    columns = [list(tensors(minibatch)) for minibatch in every]
    try:
        joined = iter([torch.cat(column) if column[0].ndim else column[0] for column in zip(*columns, strict=True)])
    except (RuntimeError, ValueError):
        raise ConfigError("the samples of different minibatches differ in shape: they cannot be mixed in one") from None
    return map_tensors(every[0], lambda _: next(joined))


class Minibatches:
    """All minibatches of one set of samples, the same in every pass: kept where they are few, else read again.

    Attributes
    ----------
    name : what a message calls them, `train` or `test`
    n : number of samples
    """

    def __init__(self, source: Any, name: str) -> None:
        self.name = name
        self._source: Iterable[Minibatch] = [source] if _is_one_minibatch(source) else self._repeatable(source)
        self._kept: tuple[Minibatch, ...] | None = None
        self.n = 0
        self._read()

    def __iter__(self) -> Iterator[Minibatch]:
        return iter(self._source if self._kept is None else self._kept)

    @property
    def first(self) -> Minibatch:
        """The first minibatch."""
        return next(iter(self))

    @property
    def single(self) -> bool:
        """Whether there is one minibatch only."""
        return self._kept is not None and len(self._kept) == 1

    def map(self, change: Callable[[Tensor], Tensor]) -> Minibatches:
        """Change every tensor `[n, *]` of every minibatch, those that are kept now and the others as they are read."""
        changed = object.__new__(Minibatches)
        changed.name, changed.n = self.name, self.n
        changed._source = _Mapped(self._source, change)
        changed._kept = None if self._kept is None else tuple(map_tensors(one, change) for one in self._kept)
        return changed

    def rows(self, most: int) -> Minibatch:
        """Join the first samples, at most so many, into one minibatch. Raises `ConfigError` as `join`."""
        pieces, left = [], most
        for minibatch in self:
            pieces.append(take(minibatch, slice(0, left)))
            left -= size(minibatch)
            if left <= 0:
                break
        return join(pieces)

    def _repeatable(self, source: Any) -> Iterable[Minibatch]:
        if not isinstance(source, Iterable) or isinstance(source, (str, bytes)):
            raise ConfigError(
                f"{self.name}={quote(source)} holds no minibatches: give a loader, a list of minibatches, or one"
            )
        if isinstance(source, Iterator):
            raise ConfigError(f"{self.name} is an iterator, used up after one pass: give the loader or a list")
        return source

    def _read(self) -> None:
        """Count the samples, keep them where they are few, and compare a second pass with the first."""
        kept: list[Minibatch] | None = []
        digests, taken = [], 0
        for place, minibatch in enumerate(self._source):
            self.n += self._checked_size(minibatch, place)
            if place < COMPARED:
                digests.append(_digest(minibatch))
            taken += sum(one.nbytes for one in tensors(minibatch))
            kept = None if kept is None or taken > KEPT_BYTES else [*kept, minibatch]
        if not self.n:
            raise ConfigError(f"{self.name} holds no samples")
        again = [_digest(minibatch) for minibatch in islice(self._source, COMPARED)]
        if again != digests:
            raise ConfigError(
                f"{self.name} gives other minibatches in its second pass: a loader that shuffles, or augments at "
                "random; give one with shuffle=False and no random transform"
            )
        self._kept = None if kept is None else tuple(kept)

    def _checked_size(self, minibatch: Minibatch, place: int) -> int:
        sizes = {len(one) for one in tensors(minibatch) if one.ndim}
        if len(sizes) != 1:
            what = f"tensors of {', '.join(map(str, sorted(sizes)))} samples" if sizes else "no tensor"
            raise ConfigError(
                f"minibatch {place + 1} of {self.name} has {what}: all share their first axis, the samples"
            )
        return sizes.pop()


class _Mapped:
    """Minibatches that are changed as they are read."""

    def __init__(self, source: Iterable[Minibatch], change: Callable[[Tensor], Tensor]) -> None:
        self._source, self._change = source, change

    def __iter__(self) -> Iterator[Minibatch]:
        return (map_tensors(minibatch, self._change) for minibatch in self._source)


def _is_one_minibatch(source: Any) -> bool:
    """Whether something is one minibatch: a tensor, a mapping, or a tuple of tensors. A list is one of minibatches."""
    if isinstance(source, (Tensor, Mapping)):
        return True
    return isinstance(source, tuple) and bool(source) and all(isinstance(part, Tensor) for part in source)


def _digest(minibatch: Minibatch) -> bytes:
    """Fingerprint of the values of a minibatch."""
    made = hashlib.blake2b(digest_size=16)
    for one in tensors(minibatch):
        whole = one.detach()
        # Bytes, not numbers: NaN are equal to themselves, and every type has bytes.
        made.update(whole.contiguous().cpu().view(torch.uint8).numpy().tobytes() if whole.ndim else str(whole).encode())
    return made.digest()
