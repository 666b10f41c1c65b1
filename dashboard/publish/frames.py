"""Changes of figures from one moment to the next, as a browser would be told of them."""

from __future__ import annotations

from typing import Any

from bokeh.core.serialization import Serializer
from bokeh.document import Document
from bokeh.document.events import ColumnDataChangedEvent, DocumentChangedEvent, ModelChangedEvent


class Changes:
    """Records how a document changes from frame to frame. Its frames can be shown in any order.

    Each property that changes has an event for each frame at which it got another value. Where none came before a
    frame, its value there is that of its last event: a recording begins with the way back from the end.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._heard: list[DocumentChangedEvent] = []
        self._events: dict[tuple[str, str], dict[int, Any]] = {}
        document.models.flush_synced()
        document.on_change(self._heard.append)

    def take(self, frame: int | None) -> None:
        """Note what changed since the last time as what makes this frame; forget it where there is None."""
        changes = [event for event in self._heard if isinstance(event, ModelChangedEvent | ColumnDataChangedEvent)]
        newest = {(event.model.id, event.attr): event for event in changes}
        self._heard.clear()
        if frame is None:
            return
        for key, event in newest.items():
            references = self._document.models.synced_references
            self._events.setdefault(key, {})[frame] = Serializer(references=references, deferred=False).encode(event)

    def to_json(self) -> list[dict[str, Any]]:
        """List each property with the frames at which it changed and the events that say so, in their order."""
        several = [events for events in self._events.values() if len(events) > 1]
        return [{"at": list(events), "events": list(events.values())} for events in several]
