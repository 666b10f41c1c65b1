"""Limits of this machine for the arithmetic of a step, as measured here and now, and whether others compute on it."""

from __future__ import annotations

import os
import platform
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from engines.core.compute import device as devices

PRODUCT, STREAM, SMALL = 1024, 5000, 400
"""Rows of the matrices that are multiplied, rows of the one that is read, and operations on a few numbers."""

QUIET = 0.93
"""Least share of its own time that a thread is computing on a machine that nobody else uses."""

MULTIPLIES = {"mm": 0, "bmm": 0, "mv": 0, "addmm": 1, "baddbmm": 1, "addmv": 1}
"""Operations that multiply matrices, and which argument is their first factor."""

SOLVES = ("_linalg_eigh", "_linalg_svd", "linalg_qr", "linalg_cholesky_ex", "linalg_cholesky", "_linalg_solve_ex")
"""Operations that decompose matrices, of which LAPACK has its own rate for each size: they are measured themselves."""


class Work(NamedTuple):
    """What one step asks for."""

    operations: int
    flops: dict[torch.dtype, float]
    """Of products of matrices."""
    read: float
    """Bytes of the factors and results of products."""
    solves: tuple[Callable[[], object], ...] = ()
    """Its decompositions, on the same numbers."""


class Counting(TorchDispatchMode):
    """Counts the operations of a step."""

    def __init__(self) -> None:
        super().__init__()
        self.operations, self.flops, self.read = 0, Counter[torch.dtype](), 0.0
        self.solves: list[Callable[[], object]] = []

    def __torch_dispatch__(self, act: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        made, name = act(*args, **kwargs or {}), act.overloadpacket.__name__
        self.operations += not any(one.alias_info and not one.alias_info.is_write for one in act._schema.returns)
        if name in MULTIPLIES:
            a, b = args[MULTIPLIES[name] : MULTIPLIES[name] + 2]
            self.flops[a.dtype] += 2.0 * prod(a.shape) * (b.shape[-1] if b.dim() > 1 else 1)
            self.read += a.nbytes + b.nbytes + made.nbytes
        if name in SOLVES:
            self.solves.append(partial(act, *(one.clone() if isinstance(one, torch.Tensor) else one for one in args)))
        return made


def counted(step: Callable[[], object]) -> Work:
    """Count what a step asks for."""
    with torch.no_grad(), Counting() as counting:
        step()
    return Work(counting.operations, dict(counting.flops), counting.read, tuple(counting.solves))


class Machine:
    """A device whose limits are measured as often as they are asked for."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._kept: dict[Any, Any] = {}

    @property
    def name(self) -> str:
        """What computes, in words."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return f"{_processor()}, {torch.get_num_threads()} thread(s) of {os.cpu_count()}"

    def seconds(self, act: Callable[[], object]) -> float:
        """Time a call, until the device has done what it was told."""
        devices.synchronise(self.device)
        begun = time.perf_counter()
        act()
        devices.synchronise(self.device)
        return time.perf_counter() - begun

    def product(self, dtype: torch.dtype) -> float:
        """Operations a second of a large product of matrices."""
        A = self._matrix(PRODUCT, dtype)
        return 2.0 * PRODUCT**3 / self.seconds(lambda: A @ A)

    def batched(self, n: int, dtype: torch.dtype) -> float:
        """Operations a second of products of so many `[n, n]` matrices as lie in a cache."""
        A = torch.ones(max(1, 2**15 // n**2), n, n, dtype=dtype)
        count = max(1, 2**24 // (len(A) * n**3))
        return 2.0 * count * len(A) * n**3 / self.least(lambda: [A @ A for _ in range(count)])

    def cached(self) -> float:
        """Bytes a second of adding numbers that lie in a cache: two are read and one is written."""
        x = torch.ones(2**14, dtype=torch.float64)
        return 3 * 200 * x.nbytes / self.least(lambda: [x.add_(x) for _ in range(200)])

    def least(self, act: Callable[[], object]) -> float:
        """Processor seconds of the quickest of a few calls."""
        times = []
        for _ in range(5):
            begun = time.process_time()
            act()
            times.append(time.process_time() - begun)
        return min(times)

    def stream(self) -> float:
        """Bytes a second of reading a matrix that lies in no cache."""
        A = self._matrix(STREAM, torch.float64)
        x = A[0].clone()
        return A.nbytes / self.seconds(lambda: A @ x)

    def latency(self) -> float:
        """Seconds of an operation on a few numbers; on a GPU within a graph, as steps are."""
        x = self._matrix(4, torch.float64)

        def several() -> None:
            for _ in range(SMALL):
                x + x

        if self.device.type != "cuda":
            return self.seconds(several) / SMALL
        if "graph" not in self._kept:
            several()
            self._kept["graph"] = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._kept["graph"]):
                several()
        return self.seconds(self._kept["graph"].replay) / SMALL

    def limits(self, work: Work) -> dict[str, float]:
        """Seconds below which no step gets that asks for so much, by what limits it."""
        product = sum(flops / self.product(dtype) for dtype, flops in work.flops.items())
        found = {"operations": work.operations * self.latency(), "products": product}
        if work.solves and product:  # one after another: neither is read while the other is computed
            solved = sum(self.seconds(solve) for solve in work.solves)
            found["products and decompositions"] = product + solved
        return found | ({"reading": work.read / self.stream()} if work.read > 2**22 else {})

    def _matrix(self, n: int, dtype: torch.dtype) -> torch.Tensor:
        if (n, dtype) not in self._kept:
            self._kept[n, dtype] = torch.randn(n, n, dtype=torch.float64, device=self.device).to(dtype) / n
        return self._kept[n, dtype]


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def loaded() -> str:
    """Say that others compute on this machine, "" where it is quiet: a thread that spins gets all of its time there."""
    begun, spent = time.perf_counter(), time.thread_time()
    while time.perf_counter() - begun < 0.5:
        pass
    share = (time.thread_time() - spent) / (time.perf_counter() - begun)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if share >= QUIET and load < (os.cpu_count() or 1) + 0.5:
        return ""
    return f"this machine is loaded: a thread gets {share:.0%} of its time, load {load:.1f}; trust ratios, not times"
