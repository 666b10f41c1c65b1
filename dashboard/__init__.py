"""The pages of the laboratory over the headless engines, in a browser, a window or a notebook; it never imports torch.

    from dashboard import figure, lab, show

Rooms from bottom to top: ui, session, figures, publish, runs, server, controls, probes, page; then the hosts app,
notebook and desktop. A room imports only from those below it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from engines.core.protocol import drawing

if TYPE_CHECKING:
    from dashboard.notebook import lab, show
    from dashboard.publish.figure import figure

__all__ = ["figure", "lab", "show"]

_HOMES = {"figure": "publish.figure", "lab": "notebook", "show": "notebook"}


def __getattr__(name: str) -> Any:
    # Lazily: the command line imports this package, and must not import panel before it is needed.
    if name in _HOMES:
        return getattr(import_module(f"dashboard.{_HOMES[name]}"), name)
    raise AttributeError(name)


def _figure(run: Any, plot: str, **view: Any) -> Any:
    return __getattr__("figure")(run, plot, **view)


drawing.register(_figure)
