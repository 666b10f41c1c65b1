"""`python -m benchmarks [SECTION ...]`: ratios; asserts no time. `results [SECTION ...]` writes them down."""

from __future__ import annotations

import sys
from importlib import import_module

SECTIONS = (
    "compute", "recovery", "collapse", "networks", "landscape", "surfaces", "optimizers", "page", "controls", "startup",
    "load", "shares", "library", "watching",
)  # fmt: skip


def main() -> None:
    """Run the sections that were asked for, or all."""
    if sys.argv[1:2] == ["results"]:
        _known(sys.argv[2:], (*SECTIONS, "labs"))
        return import_module("benchmarks.results").main(sys.argv[2:])
    _known([word for word in sys.argv[1:] if word != "short"], (*SECTIONS, "gpu"))
    for name in [word for word in sys.argv[1:] if word != "short"] or SECTIONS:
        import_module(f"benchmarks.{name}").main()


def _known(names: list[str], known: tuple[str, ...]) -> None:
    for name in names:
        if name not in known:
            sys.exit(f"there is no section {name}; known are {', '.join(known)}")


if __name__ == "__main__":
    main()
