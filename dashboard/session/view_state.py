"""Holds how a lab is viewed: `ViewState` is what a link says of it, `ViewContext` what one drawing shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from dashboard.session.curves import Curve, member_label
from dashboard.session.preset_changes import PresetChanges
from dashboard.ui.formatting import knob_name

if TYPE_CHECKING:
    from engines.core.live.runner import Status
    from engines.core.protocol.config import Config
    from engines.core.runs.run import Run

SPEEDS: dict[str, tuple[float | None, str]] = {
    "5": (5.0, "very slow"),
    "20": (20.0, "slow"),
    "60": (60.0, "normal"),
    "240": (240.0, "fast"),
    "max": (None, "as fast as it goes"),
}
"""Scheduled frames a second (None: no limit) and how the page calls that, by the name that links use."""

NORMAL = "60"

PARTS = ("presets", "knobs", "ensemble", "files", "transport", "members", "probes", "story", "library")
"""The parts of a page that can be hidden; so can every knob and figure, by its own name."""

MOST_NAMES = 100
"""Names that a link may hide."""


MOST_ANNOTATIONS, LONGEST_NOTE = 20, 120
"""Annotations of one page, and characters of the text of one."""


@dataclass(frozen=True)
class Annotation:
    """A note at a recorded step of a curve; with `to`, the slope that is measured from there to that step."""

    plot: str
    channel: str
    member: int
    """A member of the curve."""
    step: int
    to: int | None = None
    text: str = ""
    component: int | None = None

    @classmethod
    def from_json(cls, data: Any) -> Annotation | None:
        """Read an annotation of a link; None where it makes no sense."""
        if not isinstance(data, Mapping):
            return None
        names, text = [data.get("plot"), data.get("channel")], data.get("text", "")
        member, step, to, component = (_natural(data.get(name)) for name in ("member", "step", "to", "component"))
        if not all(isinstance(name, str) for name in (*names, text)) or member is None or step is None:
            return None
        if to is not None and to <= step:
            return None
        return cls(*names, member, step, to, text[:LONGEST_NOTE], component)  # type: ignore[arg-type]


@dataclass(frozen=True)
class ViewState:
    """View of a lab as a link holds it: where the reader is, and what the page shows there."""

    bands: bool = True
    """Whether runs that differ in their seed alone are drawn as one band."""
    speed: str = NORMAL
    """A key of `SPEEDS`."""
    focus: int = 0
    """The member that pictures and words are about."""
    cursor: int | None = None
    """The step that is shown; None follows the newest."""
    log_axes: Mapping[str, list[bool]] = field(default_factory=dict)
    """Whether the horizontal and the vertical axis are logarithmic, by figure."""
    hide: tuple[str, ...] = ()
    """Parts, knobs and figures that are left out."""
    lesson: str = ""
    """The name of the open lesson, "" without one."""
    lesson_step: int = 0
    pinned: str = ""
    """The experiment of the pinned run as JSON, "" without one."""
    annotations: tuple[Annotation, ...] = ()
    """Notes and measured slopes on figures."""
    mean: bool = False
    """Whether bands are mean and standard error, and not median and spread."""
    paused_at: int | None = None
    """The step at which the reader paused; None while it plays."""

    def to_json(self) -> dict[str, Any]:
        """Convert to a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ViewState:
        """Read `to_json` of this version or an older one; a value that makes no sense becomes the default."""
        data = {OLD_KEYS.get(key, key): value for key, value in data.items()}
        speed, log_axes = data.get("speed"), data.get("log_axes")
        return cls(
            bands=data.get("bands") is not False,
            mean=data.get("mean") is True,
            speed=speed if isinstance(speed, str) and speed in SPEEDS else NORMAL,
            focus=_natural(data.get("focus")) or 0,
            cursor=_natural(data.get("cursor")),
            paused_at=_natural(data.get("paused_at")),
            log_axes=log_axes if isinstance(log_axes, dict) else {},
            hide=split_names(data.get("hide")),
            lesson=data["lesson"] if isinstance(data.get("lesson"), str) else "",
            lesson_step=_natural(data.get("lesson_step")) or 0,
            pinned=data["pinned"] if isinstance(data.get("pinned"), str) else "",
            annotations=_annotations(data.get("annotations")),
        )


OLD_KEYS = {"looks": "log_axes", "page": "lesson_step"}
"""Keys of links up to version 2, and what they are called since."""


def _annotations(value: Any) -> tuple[Annotation, ...]:
    read = map(Annotation.from_json, value[:MOST_ANNOTATIONS] if isinstance(value, list) else ())
    return tuple(filter(None, read))


def late_edit(run: Run) -> str:
    """The last change of a knob while a run was under way, as a sentence; "" where there was none."""
    late = [event for event in run.recording.events if event.step > 0]
    knob = run.engine.Config.knob(late[-1].knob) if late else None
    return f"{knob_name(knob)} was changed at step {late[-1].step:,}" if knob else ""


def _natural(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None


def split_names(value: Any) -> tuple[str, ...]:
    """Take names out of a list, or out of a text with commas between them; at most `MOST_NAMES`, each once.

    >>> split_names("presets, alpha"), split_names([1, "eta"]), split_names(None)
    (('presets', 'alpha'), ('eta',), ())
    """
    listed = value.split(",") if isinstance(value, str) else value if isinstance(value, Iterable) else ()
    kept = [name.strip() for name in listed if isinstance(name, str) and name.strip()]
    return tuple(dict.fromkeys(kept))[:MOST_NAMES]


@dataclass(frozen=True, eq=False)
class PinnedRun:
    """A run that is kept to compare others with, and the curves that are drawn of it."""

    run: Run
    curves: tuple[Curve, ...]


@dataclass(frozen=True)
class ViewContext:
    """The moment that one drawing of the page shows, read once, so that all parts agree.

    Two of them are equal where a drawing of one need not be repeated for the other.
    """

    run: Run
    status: Status
    rows: int = 0
    """Recorded frames."""
    probe_results: int = 0
    """Results of probes that verdicts rest on."""
    configs: tuple[Config, ...] = ()
    """The members with their knobs as they are now."""
    curves: tuple[Curve, ...] = ()
    focus: int = 0
    """The member that pictures and words are about."""
    cursor: int | None = None
    """The step that the reader chose to see; None follows the newest."""
    step: int = 0
    """The step that is shown."""
    frame: int = 0
    """The recorded frame of that step."""
    speed: str = NORMAL
    paused: bool = False
    """Whether the reader paused."""
    late_edit: str = ""
    """The last change of a knob while the run was under way, as a sentence; "" where there was none."""
    edited: PresetChanges = field(default_factory=PresetChanges)
    """The differences between the experiment and its preset."""
    pinned: PinnedRun | None = None
    annotations: tuple[Annotation, ...] = ()
    """Notes and slopes that the reader put on the figures."""
    comparing: bool = False
    """Whether a run is pinned, even if it is still being computed."""

    @property
    def scrubbing(self) -> bool:
        """Whether an earlier step than the newest is shown."""
        return self.cursor is not None

    @property
    def label(self) -> str:
        """Knobs that distinguish the member in focus, in words; "" where none does."""
        return member_label(self.configs, self.focus, preset=self.run.preset)

    @property
    def choices(self) -> tuple[Any, ...]:
        """Everything that changes because the reader does something, and not because the run goes on."""
        return self.run, self.curves, self.focus, self.cursor, self.pinned, self.speed
