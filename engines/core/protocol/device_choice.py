"""The device that computes a batch: what is too small for a GPU stays on the processor."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import device  # for annotations alone, so that engines are found without waiting for torch

LEAST_GPU_BYTES = 2**23
"""Bytes of problem and state from which a GPU is worth its trouble.

To tell a GPU a step takes about as long, .2 to .5 ms, as a processor takes to read so much.
"""


def choose_device(wanted: device, size: int) -> device:
    """Return the device, or the processor for a batch below `LEAST_GPU_BYTES`; 0 are unknown, and change nothing."""
    return type(wanted)("cpu") if wanted.type == "cuda" and 0 < size < LEAST_GPU_BYTES else wanted
