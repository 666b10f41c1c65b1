"""Memory that a step frees is kept for the next step: to get it from the system anew costs more than the arithmetic."""

from __future__ import annotations

import ctypes
import logging
from functools import cache

TRIM, MAP, HEAPS = -1, -3, -8
"""Numbers of parameters of `mallopt`: free bytes at the top of a heap that are kept, bytes that are mapped, heaps."""

KEPT, MAPPED = 2**25, 2**25
"""Free bytes that a heap may keep; larger blocks than `MAPPED`, the most that glibc allows, it never holds."""


@cache
def keep_freed_memory() -> None:
    """Let glibc keep what tensors free; other C libraries do as they are used to.

    By default it unmaps each freed block of a megabyte, and the system maps the next one page by page: a product of
    [64, 8192] doubles then takes 16 times as long as one into memory that is there.

    Threads that begin later share the heaps that are there: the top of one of their own, which nobody can give back,
    would be kept for each of them.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        logging.getLogger(__name__).debug("this system's memory has no mallopt")
        return
    mallopt(MAP, MAPPED)
    mallopt(TRIM, KEPT)
    mallopt(HEAPS, 1)
