"""`python -m benchmarks [SECTION ...]`: ratios; asserts no time."""

from __future__ import annotations

import sys
from importlib import import_module

from benchmarks import promises

SECTIONS = (
    "compute", "recovery", "collapse", "networks", "landscape", "surfaces", "optimizers", "page", "controls", "startup",
    "load", "shares", "library",
)  # fmt: skip


def main() -> None:
    """Run the sections that were asked for, or all."""
    for name in [word for word in sys.argv[1:] if word != "short"] or SECTIONS:
        if name not in (*SECTIONS, "gpu"):
            sys.exit(f"there is no section {name}; known are {', '.join(SECTIONS)}, gpu")
        import_module(f"benchmarks.{name}").main()
    promises.summary()


if __name__ == "__main__":
    main()
