"""The device that computes a batch: what is too small for a GPU stays on the processor."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import device  # for annotations alone, so that engines are found without waiting for torch

WORTH = 2**23
"""Bytes of problem and state from which a GPU is worth its trouble.

To tell a GPU a step takes about as long, .2 to .5 ms, as a processor takes to read so much.
"""


def worth(asked: device, size: int) -> device:
    """Return the device, or the processor for a batch of less than `WORTH` bytes; 0 are unknown, and go where asked."""
    return type(asked)("cpu") if asked.type == "cuda" and 0 < size < WORTH else asked
