"""Small browser components without a framework: each is one script and one style sheet."""

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from panel.custom import JSComponent
from panel.io import with_lock
from panel.models.esm import DataEvent

from dashboard.ui.page_updates import one_update
from engines.core.protocol.errors import DynascopeError

FOLDER = Path(__file__).parent / "components"

LARGEST_NUMBER = 10**9
"""The largest number in a message: no count of ours is larger."""

log = logging.getLogger(__name__)


class UnknownMessage(Exception):
    """Raised for a message that none of our scripts sends; it is left without an answer."""


def read_number(data: Mapping[Any, Any], name: Any) -> float:
    """Read a number of a message. Raises `UnknownMessage` where it is none, or larger than `LARGEST_NUMBER` in size."""
    value = data.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -LARGEST_NUMBER <= value <= LARGEST_NUMBER:
        raise UnknownMessage(f"{name} is no number")
    return value


def whole(data: Mapping[Any, Any], name: Any) -> int:
    """Read a whole number of a message. Raises `UnknownMessage`."""
    value = read_number(data, name)
    if value != math.floor(value):
        raise UnknownMessage(f"{name} is no whole number")
    return int(value)


def script(*names: str) -> str:
    """Join scripts, after what all share: each component is a module of its own in the browser."""
    return "\n".join((FOLDER / f"{name}.js").read_text() for name in ("dom", *names))


def sheet(name: str) -> str:
    """Read a style sheet; `controls` is that of all buttons, boxes, lists, switches and sliders of ours."""
    return (FOLDER / f"{name}.css").read_text()


class Component(JSComponent):
    """Base of all components: it handles messages like a tick, under the document's lock, all changes in one update.

    Panel takes no lock for them, so that one that came while a tick is being sent would fail half-way. And outside a
    update, changes of Bokeh's models are written by another way than those of a tick, which they may overtake: the
    page would hear of a figure's range before it hears of the figure.
    """

    __abstract = True

    _event_coroutine = with_lock(JSComponent._event_coroutine)

    _linked_properties = ()  # type: ignore[reportAssignmentType]
    """Properties that the browser's side may set: none, as our scripts send messages."""

    def _process_event(self, event: Any) -> None:
        if isinstance(event, DataEvent):
            with one_update():
                self.receive(event.data)

    def send_to_script(self, data: Any) -> None:
        """Send a message to the browser's side."""
        self._send_msg(data)

    def receive(self, data: Any) -> None:
        """Act on a message of the browser's side; one that makes no sense changes nothing."""
        try:
            if isinstance(data, dict):
                self._handle_msg(data)
        except (UnknownMessage, DynascopeError) as error:
            log.warning("a message to %s cannot be used: %.200s", type(self).__name__, error)
