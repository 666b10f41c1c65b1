"""Dynascope for scripts and notebooks: everything a person needs under one name.

    import dynascope

    run = dynascope.run("matrix_sensing", preset="P0")     # simulate without a screen
    run.save("run.parquet")
    run.plot("relative_error")                             # a HoloViews object, also for print
    dynascope.resume(dynascope.open("run.parquet"), 5000)  # go on where it ended
    dynascope.show(run)                                    # look at it in a notebook
    dynascope.lab("matrix_sensing", preset="P0")           # a live lab in a notebook
    with dynascope.watch(model) as eye:                    # a training of your own
        ...

`names()` lists the engines and `load(name)` imports one. Importing this package loads neither torch nor panel.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from engines.core.protocol import drawing

if TYPE_CHECKING:
    from dashboard import figure, lab, show
    from dynascope.watching import watch
    from engines import Library, Subject, Sweep, examine, inspect, load, method, names, open, resume, run, sweep

__all__ = [
    "Library", "Subject", "Sweep", "examine", "figure", "inspect", "lab", "load", "method", "names", "open", "resume",
    "run", "show", "sweep", "watch",
]  # fmt: skip

PAGES = ("figure", "lab", "show")
"""Names that the dashboard offers; the engines offer the others."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "watch":
        return import_module("dynascope.watching").watch
    return getattr(import_module("dashboard" if name in PAGES else "engines"), name)


def __dir__() -> list[str]:
    return __all__


drawing.register(lambda run, plot, **view: __getattr__("figure")(run, plot, **view))
