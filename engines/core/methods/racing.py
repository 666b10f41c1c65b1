"""Several methods in one batch: each member's memory is a row of one tensor, and each group takes its own steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from engines.core.compute.batching import groups
from engines.core.methods.method import Inputs, Leaves, Memory, Method, row_norm
from engines.core.methods.names import USUAL

Knobs = Mapping[str, Tensor]

Average = str
"""Which average of the iterates counts: none, ema or polyak."""

USED = (*USUAL, "averaging")
"""Numbers of each member that an update or an average may read."""

AVERAGE = "average"
"""The name of the average in a member's memory."""


@dataclass(frozen=True)
class RaceGroup:
    """Members with one method: where they are in the batch, and how their memory lies in its row."""

    method: Method
    average: Average
    places: Any
    layout: tuple[tuple[str, int], ...]

    @property
    def used(self) -> int:
        """Numbers of a row that the memory takes."""
        return sum(size for _, size in self.layout)

    def unpack(self, rows: Tensor) -> Memory:
        """Read the memory `[b, K]` of these members by name."""
        tensors, start = {}, 0
        for name, size in self.layout:
            tensors[name] = rows[:, start : start + size]
            start += size
        return tensors

    def pack(self, memory: Memory, rows: Tensor, room: Memory) -> None:
        """Put memory by name into rows `[b, K]`, zeros behind it; `room` is those rows by name."""
        for name, place in room.items():
            if memory[name] is not place:
                place.copy_(memory[name])
        if self.used < rows.shape[1]:
            rows[:, self.used :] = 0


@dataclass(frozen=True)
class Race:
    """The methods of a batch, in one fixed order."""

    groups: tuple[RaceGroup, ...]
    leaves: Leaves
    width: int
    """Numbers in the longest memory."""

    @property
    def needs_host(self) -> bool:
        """Whether the step of some method asks a GPU for a number before it goes on."""
        return any(group.method.needs_host for group in self.groups)

    def members(self, places: slice) -> Race:
        """Return the methods of some members alone, as a race of their own with rows as wide."""
        if len(self.groups) == 1:
            return self
        within = [(group, group.places[(group.places >= places.start) & (group.places < places.stop)] - places.start)
                  for group in self.groups]  # fmt: skip
        return replace(self, groups=tuple(replace(group, places=own) for group, own in within if len(own)))

    def gather(self, index: Tensor) -> Race:
        """Return the methods of the members at `index` `[b]`, which may repeat, with rows as wide."""
        if len(self.groups) == 1:
            return self
        places = [torch.isin(index, group.places).nonzero().flatten() for group in self.groups]
        moved = zip(self.groups, places, strict=True)
        return replace(self, groups=tuple(replace(group, places=own) for group, own in moved if len(own)))

    def start(self, w: Tensor, knobs: Knobs) -> Tensor:
        """Return the memory `[B, K]` of parameters `[B, P]` before the first step."""
        memory = w.new_zeros(len(w), self.width)
        for group in self.groups:
            if group.layout:
                begun = _first_memory(group, w[group.places], _columns(knobs, group.places), self.leaves)
                memory[group.places, : group.used] = torch.cat([begun[name] for name, _ in group.layout], 1)
        return memory

    def step(
        self, w: Tensor, memory: Tensor, gradient: Tensor, loss: Tensor, rate: Tensor, t: Tensor, knobs: Knobs
    ) -> tuple[Tensor, Tensor]:
        """Take one step of each member's method: parameters `[B, P]` and memory `[B, K]` after it.

        `gradient` is `[B, P]`; `loss`, `rate` and the number `t` of the step, from 1 on, are `[B]`.
        """
        columns = {name: knobs[name][:, None] for name in USED}
        every = (gradient, w, loss[:, None], rate[:, None], t[:, None].to(w.dtype))
        if len(self.groups) == 1:
            return self._group_step(self.groups[0], memory, Inputs(*every, columns, self.leaves))
        new_w, new_memory = torch.empty_like(w), torch.zeros_like(memory)
        for group in self.groups:
            at = group.places
            own = {name: value[at] for name, value in columns.items()}
            inputs = Inputs(*(x[at] for x in every), knobs=own, leaves=self.leaves)  # type: ignore[reportCallIssue]
            new_w[at], new_memory[at] = self._group_step(group, memory[at], inputs)
        return new_w, new_memory

    def _group_step(self, group: RaceGroup, rows: Tensor, inputs: Inputs) -> tuple[Tensor, Tensor]:
        if not group.layout:
            return group.method.update(inputs, {})[0], rows
        memory, new = group.unpack(rows), torch.empty_like(rows)
        room = group.unpack(new)
        average = memory.pop(AVERAGE, None)
        w, after = group.method.update(inputs._replace(room=room), memory)
        if average is not None:
            after = {**after, AVERAGE: averaged(group.average, average, w, inputs.t, inputs.knobs["averaging"])}
        group.pack(after, new, room)
        return w, new

    def reported(self, w: Tensor, memory: Tensor, knobs: Knobs) -> Tensor:
        """Return the point of each member that counts, `[B, P]`: an average, where its method or a knob says so."""
        if all(group.average == "none" and type(group.method).reported is Method.reported for group in self.groups):
            return w
        reports = [self._reported(group, w[group.places], memory[group.places], knobs) for group in self.groups]
        return self._gathered(reports, w)

    def _reported(self, group: RaceGroup, w: Tensor, rows: Tensor, knobs: Knobs) -> Tensor:
        memory = group.unpack(rows)
        if AVERAGE in memory:
            return memory[AVERAGE]
        return group.method.reported(w, memory, _columns(knobs, group.places))

    def remembered(self, memory: Tensor, name: str) -> Tensor:
        """Return a scalar of that name `[B]` from the memories; NaN for methods without it."""
        sizes = []
        for group in self.groups:
            rows = memory[group.places]
            own = group.unpack(rows)
            sizes.append(own[name][:, 0] if name in own else rows.new_full((len(rows),), torch.nan))
        return self._gathered(sizes, memory.new_empty(len(memory)))

    def mapped(self, values: Tensor, knobs: Knobs) -> Tensor:
        """Return what each member's method makes of singular values `[B, n]` of the first leaf's gradient, or NaN."""
        updates = [
            group.method.mapped(values[group.places], self.leaves[0], _columns(knobs, group.places))
            for group in self.groups
        ]
        return torch.where(knobs["weight_decay"][:, None] == 0, self._gathered(updates, values), torch.nan)

    def _gathered(self, parts: Sequence[Tensor], like: Tensor) -> Tensor:
        if len(parts) == 1:
            return parts[0]
        whole = torch.empty_like(like)
        for group, part in zip(self.groups, parts, strict=True):
            whole[group.places] = part
        return whole


def averaged(kind: Average, average: Tensor, w: Tensor, t: Tensor, keep: Tensor) -> Tensor:
    """Move an average `[b, P]` towards w: `r a + (1-r) w` with r = `keep` (ema) or `(t-1)/t` (polyak), t from 1 on."""
    r = keep if kind == "ema" else (t - 1) / t
    return r * average + (1 - r) * w


def _columns(knobs: Knobs, places: Any) -> dict[str, Tensor]:
    return {name: value[places][:, None] for name, value in knobs.items()}


def _first_memory(group: RaceGroup, w: Tensor, columns: Knobs, leaves: Leaves) -> Memory:
    memory = group.method.init(w, columns, leaves)
    return memory | ({AVERAGE: w} if group.average != "none" else {})


def race(methods: Sequence[tuple[Method, Average]], leaves: Leaves, w: Tensor, knobs: Knobs) -> Race:
    """Group members by method and average; `w` `[B, P]` and `knobs` `[B]` say how large each memory is."""
    grouped = []
    for (method, average), places in groups(methods, w.device):
        empty = RaceGroup(method, average, places, ())
        begun = _first_memory(empty, w[places], _columns(knobs, places), leaves)
        layout = tuple((name, value.shape[1]) for name, value in begun.items())
        grouped.append(RaceGroup(method, average, places, layout))
    width = max(group.used for group in grouped)
    return Race(tuple(grouped), leaves, width)


def lengths(w: Tensor, start: Tensor) -> Tensor:
    """Compute how far parameters `[B, P]` are from their start, `[B]`."""
    return row_norm(w - start)[:, 0]
