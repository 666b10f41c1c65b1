"""Devices: which there are, their precision and memory, and how numbers come back from them to the host."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError, quote

GIB = 2**30


def resolve(name: str | torch.device = "auto") -> torch.device:
    """Return the device called `name`: `auto` (the best one present), `cpu`, `cuda` or `mps`. Raises `ConfigError`."""
    present = available()
    if name == "auto":
        return torch.device(present[0])
    kind, colon, index = str(name).partition(":")
    if kind not in present or bool(colon) != _numbered(index) or int(index or 0) >= count(kind):
        raise ConfigError(f"device={quote(name)} is not present here; present: {', '.join(present)}")
    return torch.device(f"{kind}:{int(index)}" if index else kind)


def _numbered(index: str) -> bool:
    return index.isascii() and index.isdecimal() and len(index) < 4


def resolve_or_cpu(name: str) -> torch.device:
    """Return the device on which a run was computed, or the processor where this machine lacks it."""
    try:
        return resolve(name)
    except ConfigError:
        return torch.device("cpu")


def available() -> list[str]:
    """List the kinds of device that this machine has, best first."""
    kinds = ["cpu"]
    if torch.backends.mps.is_available():
        kinds.insert(0, "mps")
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


def described() -> list[Description]:
    """Describe every device, the processor first."""
    found = [Description("cpu", _with_memory("CPU", *_memory_of_host()))]
    if torch.backends.mps.is_available():
        found.append(Description("mps", "Apple GPU, single precision"))
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        about = f"{torch.cuda.get_device_name(index)} (cuda:{index})"
        found.append(Description(f"cuda:{index}", _with_memory(about, *torch.cuda.mem_get_info(index))))
    return found


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


def real(device: torch.device) -> torch.dtype:
    """Return the widest real type of a device: float64, except on MPS, which has float32 alone."""
    return torch.float32 if device.type == "mps" else torch.float64


def memory(device: torch.device) -> int:
    """Bytes that one simulation may take: half of what the device has."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] // 2
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def require(needed: int, device: torch.device) -> None:
    """Raise `ConfigError` where a simulation would take more memory than it may."""
    limit = memory(device)
    if needed > limit:
        raise ConfigError(
            f"this configuration needs {needed / GIB:.1f} GiB for its data, its states and what is recorded; "
            f"the limit on {device} is {limit / GIB:.1f} GiB: lower the sizes or the number of members"
        )


class Transfer:
    """Tensors on their way to the host. On CUDA the copy into pinned memory does not block the device."""

    def __init__(self, values: Mapping[str, Tensor]) -> None:
        self._event: torch.cuda.Event | None = None
        self._values = {name: self._send(value.detach()) for name, value in values.items()}
        if any(value.is_cuda for value in values.values()):
            self._event = torch.cuda.Event()
            self._event.record()

    @staticmethod
    def _send(value: Tensor) -> Tensor:
        if not value.is_cuda:
            return value.cpu()
        pinned = torch.empty(value.shape, dtype=value.dtype, pin_memory=True)
        return pinned.copy_(value, non_blocking=True)

    def arrived(self) -> bool:
        """Whether `result` would return without waiting."""
        return self._event is None or self._event.query()

    def result(self) -> dict[str, np.ndarray]:
        """The values as numpy arrays, after waiting for the copy."""
        if self._event is not None:
            self._event.synchronize()
        return {name: value.numpy() for name, value in self._values.items()}
