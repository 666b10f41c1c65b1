"""How a lab is looked at, as a value that a link can hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from dashboard.session.speeds import NORMAL, SPEEDS

PARTS = ("presets", "knobs", "ensemble", "transport", "members", "probes", "story", "library")
"""The parts of a page that can be hidden; so can every knob and figure, by its own name."""

MOST = 100
"""Names that a link may hide."""


@dataclass(frozen=True)
class View:
    """Where the reader looks and what stands there. Whatever a link says that makes no sense is left out."""

    bands: bool = True
    """Whether seeds collapse."""
    speed: str = NORMAL
    focus: int = 0
    cursor: int | None = None
    """The step that is looked at; None follows the newest."""
    looks: Mapping[str, list[bool]] = field(default_factory=dict)
    """Which axes are logarithmic, by figure."""
    hide: tuple[str, ...] = ()
    """Parts, knobs and figures that are left out."""
    lesson: str = ""
    """The lesson that is open, and its step."""
    page: int = 0
    pinned: str = ""
    """The experiment of the pinned run, as JSON."""

    def to_json(self) -> dict[str, Any]:
        """The view as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, about: Mapping[str, Any]) -> View:
        """Read `to_json` of this version or an older one, whoever wrote it."""
        speed, focus, cursor, looks = (about.get(name) for name in ("speed", "focus", "cursor", "looks"))
        return cls(
            bands=about.get("bands") is not False,
            speed=speed if isinstance(speed, str) and speed in SPEEDS else NORMAL,
            focus=_whole(focus) or 0,
            cursor=_whole(cursor),
            looks=looks if isinstance(looks, dict) else {},
            hide=split(about.get("hide")),
            lesson=about["lesson"] if isinstance(about.get("lesson"), str) else "",
            page=_whole(about.get("page")) or 0,
            pinned=about["pinned"] if isinstance(about.get("pinned"), str) else "",
        )


def _whole(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None


def split(value: Any) -> tuple[str, ...]:
    """Names out of a list, or out of a text with commas between them.

    >>> split("presets, alpha"), split([1, "eta"]), split(None)
    (('presets', 'alpha'), ('eta',), ())
    """
    found = value.split(",") if isinstance(value, str) else value if isinstance(value, Iterable) else ()
    kept = [name.strip() for name in found if isinstance(name, str) and name.strip()]
    return tuple(dict.fromkeys(kept))[:MOST]
