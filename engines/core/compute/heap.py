"""Memory that a step frees is kept for the next step: to get it from the system anew costs more than the arithmetic."""

from __future__ import annotations

import ctypes
import logging
from functools import cache

TRIM, MAP = -1, -3
"""Numbers of the parameters of `mallopt`: free bytes that are kept at the top of a heap, and bytes that are mapped."""

KEPT, MAPPED = 2**25, 2**25
"""Free bytes that a thread's heap may keep; larger blocks than `MAPPED`, the most that glibc allows, it never holds."""


@cache
def keep_freed_memory() -> None:
    """Let glibc keep what tensors free; other C libraries do as they are used to.

    By default it unmaps each freed block of a megabyte, and the system maps the next one page by page: a product of
    [64, 8192] doubles then takes 16 times as long as one into memory that is there.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        logging.getLogger(__name__).debug("this system's memory has no mallopt")
        return
    mallopt(MAP, MAPPED)
    mallopt(TRIM, KEPT)
