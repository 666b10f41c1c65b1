"""The arithmetic of a thread, gradients, subnormal numbers and threads: set for a computation, put back after it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import numpy as np
import torch

P = ParamSpec("P")
R = TypeVar("R")

SMALLEST = np.float64(5e-324)
"""The smallest positive number; to a thread that flushes it is zero."""


def restored(compute: Callable[P, R]) -> Callable[P, R]:
    """Leave the thread after a call as it was before, also where an interrupt ends the call.

    Ctrl-C arrives as a function of Python's is entered. `with torch.no_grad()` enters one to put the mode back, and a
    notebook that is interrupted there computes no gradient any more. What follows `finally` here enters none.
    """

    @wraps(compute)
    def call(*arguments: P.args, **options: P.kwargs) -> R:
        gradients, flushes = torch.is_grad_enabled(), bool(SMALLEST * np.float64(1) == 0)
        threads = torch.get_num_threads()
        try:
            return compute(*arguments, **options)
        finally:
            try:
                torch._C._set_grad_enabled(gradients)
            finally:
                torch.set_flush_denormal(flushes)
                if torch.get_num_threads() != threads:
                    torch.set_num_threads(threads)

    return call


def without_gradients(compute: Callable[P, R]) -> Callable[P, R]:
    """Compute without gradients, and count subnormal numbers as zero; afterwards the thread is as it was.

    Directions that die out decay into subnormals, which are a hundred times slower. They are flushed from the first
    tensor of a run on, so that no number depends on what the thread computed before.
    """

    @restored
    @wraps(compute)
    def call(*arguments: P.args, **options: P.kwargs) -> R:
        torch.set_flush_denormal(True)
        torch.set_grad_enabled(False)
        return compute(*arguments, **options)

    return call
