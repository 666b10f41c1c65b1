"""The page: routes, labs, controls and marks over the headless engines. Never imports torch itself."""

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
