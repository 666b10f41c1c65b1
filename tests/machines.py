"""`make machines`: the numeric tests as other machines would compute them.

Processors differ in how many numbers they add at once and in whether they round between a product and a sum, thread
counts in how sums are cut, versions of libraries in both. A tolerance that holds only where it was written shows here.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
OLDEST = ROOT / ".venv-oldest" / "bin" / "python"
LABS = sorted(engine.parent.name for engine in (ROOT / "engines").glob("*/engine.py"))
ROOMS = tuple(f"tests/core/{name}" for name in ("analysis", "compute", "methods", "numerics", "subjects"))
NUMERIC = ("tests/contract", *ROOMS, *(f"tests/{name}" for name in LABS))

LEFT_OUT = ("-k", "not wrong_run", *(f"--ignore-glob=*/test_{name}.py" for name in (
    "declarations", "gpu", "relevance", "renamed", "stories", "story",
)))  # fmt: skip
"""Tests of words and of declarations, which no rounding changes, and of runs that are wrong by far more than that."""

ALL = (*NUMERIC, "tests/core/data", "tests/core/files", "tests/core/library", "tests/dashboard", "engines")
"""Libraries are more than arithmetic: files, tables and pages are made with them, too."""

HERE = {"OMP_NUM_THREADS": "1"}
"""How `make test` computes: the processor's own instructions, one thread."""

TWO = {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "passive"}
"""Two threads that leave the core to others while they wait."""

MACHINES = {
    "SSE 4.2, one thread": HERE
    | {"MKL_ENABLE_INSTRUCTIONS": "SSE4_2", "ATEN_CPU_CAPABILITY": "default", "OPENBLAS_CORETYPE": "Nehalem"},
    "AVX2, two threads": TWO
    | {"MKL_ENABLE_INSTRUCTIONS": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "OPENBLAS_CORETYPE": "Haswell"},
    "AVX-512, one thread": HERE | {"MKL_ENABLE_INSTRUCTIONS": "AVX512", "ATEN_CPU_CAPABILITY": "avx512"},
    # MKL heeds the names above on Intel's processors only; this it heeds on all.
    "any processor's instructions, two threads": TWO | {"MKL_CBWR": "COMPATIBLE"},
}

FINGERPRINT = """
import hashlib, numpy, scipy.linalg, torch
x = torch.randn(300, 300, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
a, f = x.numpy(), x.float()
found = [x @ x, x @ x[0], torch.linalg.svdvals(x), torch.linalg.eigvalsh(x + x.T), x.exp(), f @ f, f.softmax(0)]
found = [value.numpy() for value in found] + [a @ a, scipy.linalg.qr(a)[1]]
print(hashlib.sha256(b"".join(numpy.ascontiguousarray(value).tobytes() for value in found)).hexdigest())
"""
"""A program that prints how products, decompositions and functions are rounded."""


def fingerprint(around: dict[str, str]) -> str:
    """How this machine rounds in an environment; empty where it lacks the instructions."""
    line = [sys.executable, "-c", FINGERPRINT]
    done = subprocess.run(line, env=os.environ | around, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


OLD = ("-W", "ignore::DeprecationWarning", "-W", "ignore::PendingDeprecationWarning")
"""Old libraries use what newer ones, which they allow, announce to be going."""


def passes(python: str | Path, around: dict[str, str], tests: Sequence[str], flags: Sequence[str] = ()) -> bool:
    """Whether tests pass with some Python in an environment."""
    workers = max(1, (os.cpu_count() or 1) // int(around["OMP_NUM_THREADS"]))
    line = [python, "-m", "pytest", "-q", "-n", str(workers), "--dist", "loadscope"]
    line += ["-m", "not browser and not thorough", *LEFT_OUT, *flags, *tests]
    begun = time.monotonic()
    passed = subprocess.run(line, cwd=ROOT, env=os.environ | around, check=False).returncode == 0
    print(f"{'Passed' if passed else 'Failed'} in {time.monotonic() - begun:.0f} s", flush=True)
    return passed


def oldest() -> list[str]:
    """The oldest release of each dependency that pyproject.toml allows; of torch that of constraints.txt.

    Without gigabytes for graphics cards an old torch is to be had for few systems only.
    """
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    pairs = [found.groups() for line in wanted if (found := re.match(r"([\w-]+)>=([\w.]+)", line))]
    lines = [f"{name}=={low if '.' in low else f'{low}.0'}.*" for name, low in pairs if name != "torch"]
    return lines + re.findall(r"^torch==.*$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)


def main(arguments: list[str]) -> int:
    """Run the tests on each machine; the status is the number of those on which one failed."""
    if arguments == ["--oldest"]:
        print(*oldest(), sep="\n")
        return 0
    rounded, failed = {fingerprint(HERE): "`make test` does"}, []
    for name, around in MACHINES.items():
        if not (found := fingerprint(around)):
            print(f"{name}: this processor cannot", flush=True)
        elif found in rounded:
            print(f"{name}: rounds as {rounded[found]}", flush=True)
        else:
            rounded[found] = name
            print(f"{name}", flush=True)
            failed += [name] * (not passes(sys.executable, around, arguments or NUMERIC))
    if OLDEST.exists():
        print("the oldest libraries allowed", flush=True)
        failed += ["the oldest libraries"] * (not passes(OLDEST, HERE, arguments or ALL, OLD))
    else:
        print("the oldest libraries allowed: not to be had for this Python", flush=True)
    print(f"Failed: {', '.join(failed)}" if failed else "All machines pass.")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
