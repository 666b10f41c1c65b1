"""Small browser components without a framework: each is one script and one style sheet."""

from pathlib import Path
from typing import Any

from panel.custom import JSComponent
from panel.io import with_lock

from dashboard.batch import batch

FOLDER = Path(__file__).parent


def script(*names: str) -> str:
    """Scripts as one, after what they share: each component is a module of its own in the browser."""
    return "\n".join((FOLDER / f"{name}.js").read_text() for name in ("dom", *names))


class Component(JSComponent):
    """A component whose messages are handled like a tick: under the document's lock, all changes in one batch.

    Panel takes no lock for them, so that one that came while a tick is being sent would fail half-way. And outside a
    batch, changes of Bokeh's models are written by another way than those of a tick, which they may overtake: the
    page would hear of a figure's range before it hears of the figure.
    """

    __abstract = True

    _event_coroutine = with_lock(JSComponent._event_coroutine)

    def _process_event(self, event: Any) -> None:
        with batch():
            super()._process_event(event)
