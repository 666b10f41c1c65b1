"""Dynascope for scripts and notebooks: everything a person needs under one name.

    import dynascope

    run = dynascope.run("matrix_sensing", preset="P0")     # simulate without a screen
    run.save("run.parquet")
    run.plot("relative_error")                             # a HoloViews object, also for print
    dynascope.resume(dynascope.open("run.parquet"), 5000)  # go on where it ended
    dynascope.show(run)                                    # look at it in a notebook
    dynascope.lab("matrix_sensing", preset="P0")           # a live lab in a notebook

`names()` lists the engines and `load(name)` imports one. Importing this package loads neither torch nor panel.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dashboard import figure, lab, show
    from engines import Library, Subject, Sweep, examine, load, names, open, resume, run, sweep

__all__ = [
    "Library", "Subject", "Sweep", "examine", "figure", "lab", "load", "names", "open", "resume", "run", "show",
    "sweep",
]  # fmt: skip

PAGES = ("figure", "lab", "show")
"""Names that the dashboard offers; the engines offer the others."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("dashboard" if name in PAGES else "engines"), name)


def __dir__() -> list[str]:
    return __all__
