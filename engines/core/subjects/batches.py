"""Batches of samples: tensors, tuples or mappings of tensors whose first axis is the samples; read once or streamed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError, quote

Batch = Any
"""A tensor `[n, *]`, or a tuple, list or mapping of such tensors, nested as one likes; other things in it stay."""

KEPT_BYTES = 2**28
"""Bytes of samples that are kept; more are read from their source at every pass."""

COMPARED = 4
"""Batches of a second pass that are compared with the first."""


def tensors(batch: Batch) -> Iterator[Tensor]:
    """Yield all tensors `[n, *]` of a batch, in order."""
    if isinstance(batch, Tensor):
        yield batch
    elif isinstance(batch, (Mapping, Sequence)) and not isinstance(batch, (str, bytes)):
        for part in batch.values() if isinstance(batch, Mapping) else batch:
            yield from tensors(part)


def map_tensors(batch: Batch, change: Callable[[Tensor], Tensor]) -> Batch:
    """Change every tensor `[n, *]` of a batch; mappings become dictionaries, other things stay."""
    if isinstance(batch, Tensor):
        return change(batch)
    if isinstance(batch, Mapping):
        return {key: map_tensors(part, change) for key, part in batch.items()}
    if isinstance(batch, Sequence) and not isinstance(batch, (str, bytes)):
        return tuple(map_tensors(part, change) for part in batch)
    return batch


def size(batch: Batch) -> int:
    """Count the samples of a batch: the length of the first axis of its tensors, 0 without tensors."""
    return next((len(one) for one in tensors(batch) if one.ndim), 0)


def take(batch: Batch, rows: Tensor | slice) -> Batch:
    """Take some samples `rows [m]` of a batch."""
    return map_tensors(batch, lambda one: one[rows] if one.ndim else one)


def join(batches: Iterable[Batch]) -> Batch:
    """Join batches of one structure along the samples. Raises `ConfigError` for batches whose samples differ in shape.

    >>> join([(torch.zeros(2, 3), torch.zeros(2)), (torch.ones(1, 3), torch.ones(1))])[0].shape
    torch.Size([3, 3])
    """
    every = list(batches)
    columns = [list(tensors(batch)) for batch in every]
    try:
        joined = iter([torch.cat(column) if column[0].ndim else column[0] for column in zip(*columns, strict=True)])
    except (RuntimeError, ValueError):
        raise ConfigError("the samples of different batches differ in shape: they cannot be mixed in a batch") from None
    return map_tensors(every[0], lambda _: next(joined))


class Batches:
    """All batches of one set of samples, the same in every pass: kept where they are few, else read again.

    Attributes
    ----------
    name : what a message calls them, `train` or `test`
    n : number of samples
    """

    def __init__(self, source: Any, name: str) -> None:
        self.name = name
        self._source: Iterable[Batch] = [source] if _is_one_batch(source) else self._repeatable(source)
        self._kept: tuple[Batch, ...] | None = None
        self.n = 0
        self._read()

    def __iter__(self) -> Iterator[Batch]:
        return iter(self._source if self._kept is None else self._kept)

    @property
    def first(self) -> Batch:
        """The first batch."""
        return next(iter(self))

    @property
    def single(self) -> bool:
        """Whether there is one batch only."""
        return self._kept is not None and len(self._kept) == 1

    def map(self, change: Callable[[Tensor], Tensor]) -> Batches:
        """Change every tensor `[n, *]` of every batch, those that are kept now and the others as they are read."""
        changed = object.__new__(Batches)
        changed.name, changed.n = self.name, self.n
        changed._source = _Mapped(self._source, change)
        changed._kept = None if self._kept is None else tuple(map_tensors(batch, change) for batch in self._kept)
        return changed

    def rows(self, most: int) -> Batch:
        """Join the first samples, at most so many, into one batch. Raises `ConfigError` as `join`."""
        parts, left = [], most
        for batch in self:
            parts.append(take(batch, slice(0, left)))
            left -= size(batch)
            if left <= 0:
                break
        return join(parts)

    def _repeatable(self, source: Any) -> Iterable[Batch]:
        if not isinstance(source, Iterable) or isinstance(source, (str, bytes)):
            raise ConfigError(f"{self.name}={quote(source)} holds no batches: give a loader, a list of batches, or one")
        if isinstance(source, Iterator):
            raise ConfigError(f"{self.name} is an iterator, used up after one pass: give the loader or a list")
        return source

    def _read(self) -> None:
        """Count the samples, keep them where they are few, and compare a second pass with the first."""
        kept: list[Batch] | None = []
        digests, taken = [], 0
        for place, batch in enumerate(self._source):
            self.n += self._checked_size(batch, place)
            if place < COMPARED:
                digests.append(_digest(batch))
            taken += sum(one.nbytes for one in tensors(batch))
            kept = None if kept is None or taken > KEPT_BYTES else [*kept, batch]
        if not self.n:
            raise ConfigError(f"{self.name} holds no samples")
        again = [_digest(batch) for batch in islice(self._source, COMPARED)]
        if again != digests:
            raise ConfigError(
                f"{self.name} gives other batches in its second pass: a loader that shuffles, or augments at random; "
                "give one with shuffle=False and no random transform"
            )
        self._kept = None if kept is None else tuple(kept)

    def _checked_size(self, batch: Batch, place: int) -> int:
        sizes = {len(one) for one in tensors(batch) if one.ndim}
        if len(sizes) != 1:
            what = f"tensors of {', '.join(map(str, sorted(sizes)))} samples" if sizes else "no tensor"
            raise ConfigError(f"batch {place + 1} of {self.name} has {what}: all share their first axis, the samples")
        return sizes.pop()


class _Mapped:
    """Batches that are changed as they are read."""

    def __init__(self, source: Iterable[Batch], change: Callable[[Tensor], Tensor]) -> None:
        self._source, self._change = source, change

    def __iter__(self) -> Iterator[Batch]:
        return (map_tensors(batch, self._change) for batch in self._source)


def _is_one_batch(source: Any) -> bool:
    """Whether something is one batch: a tensor, a mapping, or a tuple of tensors. A list is a list of batches."""
    if isinstance(source, (Tensor, Mapping)):
        return True
    return isinstance(source, tuple) and bool(source) and all(isinstance(part, Tensor) for part in source)


def _digest(batch: Batch) -> bytes:
    """Fingerprint of the values of a batch."""
    made = hashlib.blake2b(digest_size=16)
    for one in tensors(batch):
        whole = one.detach()
        # Bytes, not numbers: NaN are equal to themselves, and every type has bytes.
        made.update(whole.contiguous().cpu().view(torch.uint8).numpy().tobytes() if whole.ndim else str(whole).encode())
    return made.digest()
