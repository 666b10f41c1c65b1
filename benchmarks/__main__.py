"""`python -m benchmarks [compute] [recovery] [page]`: print ratios; assert nothing about time."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the sections that were asked for, or all."""
    chosen = sys.argv[1:] or ["compute", "recovery", "page"]
    if "compute" in chosen:
        from benchmarks import compute

        compute.main()
    if "recovery" in chosen:
        from benchmarks import recovery

        recovery.main()
    if "page" in chosen:
        from benchmarks import page

        page.main()


if __name__ == "__main__":
    main()
