"""The pages of the laboratory over the headless engines, in a browser, a window or a notebook; it never imports torch.

    from dashboard import lab, show

Rooms from bottom to top: ui, session, figures, runs, server, controls, probes, page; then the hosts app, notebook and
desktop. A room imports only from those below it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dashboard.notebook import lab, show

__all__ = ["lab", "show"]


def __getattr__(name: str) -> Any:
    # Lazily: the command line imports this package, and must not import panel before it is needed.
    if name in __all__:
        from dashboard import notebook

        return getattr(notebook, name)
    raise AttributeError(name)
