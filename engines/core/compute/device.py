"""Devices: which there are, their precision and memory, and how numbers come back from them to the host."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError, quote

GIB = 2**30


def resolve(name: str | torch.device = "auto") -> torch.device:
    """Return the device called `name`: `auto` (a GPU where there is one), `cpu`, `cuda` or `mps`.

    A GPU has its number in its name: `cuda` is `cuda:0`. Raises `ConfigError` for a device that is not here.
    """
    present = available()
    if name == "auto":
        name = present[0]
    kind, colon, index = str(name).partition(":")
    if kind not in present or bool(colon) != _numbered(index) or int(index or 0) >= count(kind):
        raise ConfigError(f"device={quote(name)} is not present here; present: {', '.join(present)}")
    return torch.device(kind, int(index or 0)) if kind == "cuda" else torch.device(kind)


def _numbered(index: str) -> bool:
    return index.isascii() and index.isdecimal() and len(index) < 4


def resolve_or_cpu(name: str) -> torch.device:
    """Return the device on which a run was computed, else another of its kind, or the processor."""
    for each in (name, name.partition(":")[0]):
        try:
            return resolve(each)
        except ConfigError:
            continue
    return torch.device("cpu")


def available() -> list[str]:
    """List the kinds of device that this machine has, best first; MPS last, on which nothing was ever tested."""
    kinds = ["cpu"]
    if torch.backends.mps.is_available():
        kinds.append("mps")
    if torch.cuda.is_available():
        kinds.insert(0, "cuda")
    return kinds


def count(kind: str) -> int:
    """Count the devices of a kind."""
    return torch.cuda.device_count() if kind == "cuda" else 1


class Description(NamedTuple):
    """A device that is present: its name for `resolve`, and in words what it is and how much memory is free."""

    name: str
    text: str


def describe_devices() -> list[Description]:
    """Describe every device, the processor first."""
    described = [Description("cpu", _with_memory("CPU", *_memory_of_host()))]
    if torch.backends.mps.is_available():
        described.append(Description("mps", "Apple GPU, single precision"))
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        about = f"{torch.cuda.get_device_name(index)} (cuda:{index})"
        described.append(Description(f"cuda:{index}", _with_memory(about, *torch.cuda.mem_get_info(index))))
    return described


def _with_memory(text: str, free: int | None, whole: int) -> str:
    """Write the memory of a device behind its name.

    >>> _with_memory("CPU", 3 * GIB, 8 * GIB), _with_memory("CPU", None, 8 * GIB)
    ('CPU, 3.0 of 8.0 GiB free', 'CPU, 8.0 GiB')
    """
    there = f"{whole / GIB:.1f} GiB"
    return f"{text}, {there}" if free is None else f"{text}, {free / GIB:.1f} of {there} free"


def _memory_of_host() -> tuple[int | None, int]:
    """Bytes that are free and that there are; None where the system does not tell how many are free."""
    page, available = os.sysconf("SC_PAGE_SIZE"), os.sysconf_names.get("SC_AVPHYS_PAGES")
    return (page * os.sysconf(available) if available else None), page * os.sysconf("SC_PHYS_PAGES")


def widest_real(device: torch.device) -> torch.dtype:
    """Return the widest real type of a device: float64, except on MPS, which has float32 alone."""
    return torch.float32 if device.type == "mps" else torch.float64


def memory(device: torch.device) -> int:
    """Bytes that one simulation may take: half of what the device has; of a GPU, of what is free there."""
    if device.type == "cuda":
        # What torch keeps of runs that ended is free, too.
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return (torch.cuda.mem_get_info(device)[0] + kept) // 2
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def require_bytes(needed: int, device: torch.device) -> None:
    """Raise `ConfigError` where a simulation would take more memory than it may."""
    limit = memory(device)
    if needed > limit:
        raise ConfigError(
            f"this configuration needs {needed / GIB:.1f} GiB for its data, its states and what is recorded; "
            f"the limit on {device} is {limit / GIB:.1f} GiB: lower the sizes or the number of members"
        )


def current(device: torch.device) -> AbstractContextManager[object]:
    """Make a GPU the current one: streams, events and graphs belong to that. Of the processor there is one."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def multiply_in_full(device: torch.device) -> None:
    """Have a GPU multiply float32 as it is: images of containers set TF32, which keeps ten bits, for all programs."""
    if device.type == "cuda" and torch.cuda.is_available():
        torch.set_float32_matmul_precision("highest")


def synchronise(device: torch.device) -> None:
    """Wait until a GPU has done all that it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def give_back() -> None:
    """Return to the GPUs what torch keeps of tensors that are gone, after memory ran out."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


class Transfer:
    """Tensors of one device on their way to the host.

    On CUDA all of them are one copy into pinned memory, which does not block the GPU.
    """

    def __init__(self, values: Mapping[str, Tensor]) -> None:
        self._event: torch.cuda.Event | None = None
        self._values = {name: value.detach() for name, value in values.items()}
        if any(value.is_cuda for value in values.values()):
            self._buffer = self._packed([value for _, value in self._ordered()])
            self._event = torch.cuda.Event()
            self._event.record()

    def _ordered(self) -> list[tuple[str, Tensor]]:
        """The values type by type, the widest first, so that each begins at a multiple of its own width."""
        return sorted(self._values.items(), key=lambda item: (-item[1].element_size(), str(item[1].dtype)))

    @staticmethod
    def _packed(values: list[Tensor]) -> Tensor:
        """Put the bytes of all values behind one another and begin to copy them."""
        alike = [list(group) for _, group in groupby(values, key=lambda value: value.dtype)]
        packed = torch.cat([torch.cat([v.reshape(-1) for v in group]).view(torch.uint8) for group in alike])
        return torch.empty(packed.shape, dtype=torch.uint8, pin_memory=True).copy_(packed, non_blocking=True)

    def result(self) -> dict[str, np.ndarray]:
        """Return the values as numpy arrays of their shapes `[*]`, after waiting for the copy."""
        if self._event is None:
            return {name: value.cpu().numpy() for name, value in self._values.items()}
        self._event.synchronize()
        arrays, start = {}, 0
        for name, value in self._ordered():
            stored = self._buffer[start : start + value.nbytes].view(value.dtype)
            arrays[name], start = stored.view(value.shape).numpy(), start + value.nbytes
        return {name: arrays[name] for name in self._values}
