"""The widgets of a lab show what its session has open: values, members, cautions, and the figures that have any use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dashboard.figures.marks.sweep import plots_without_knobs
from dashboard.session.session import Session

if TYPE_CHECKING:
    from dashboard.page.layout import Panels
    from engines.core.protocol.config import Config
    from engines.core.protocol.engine import Engine

TOO_FEW = "no knob varies over which it could be drawn"

BLANK = "nothing to show with these knobs"


class Widgets:
    """Shows on the panels of a page what its session has open."""

    def __init__(self, engine: Engine, session: Session, panels: Panels, hidden: frozenset[str]) -> None:
        """Join a session to its panels; `hidden` are names of knobs and figures that are never shown."""
        self._engine, self._session, self._panels, self._hidden = engine, session, panels, hidden

    def show(self) -> None:
        """Display another experiment, value or focus."""
        session, panels, configs = self._session, self._panels, self._session.configs
        preset = session.experiment.preset
        idle = self._common(self._engine.idle, "knobs")
        panels.knobs.show(configs, idle | self._hidden)
        panels.transport.show_actions([action for action in self._engine.actions if action.knob not in idle])
        self.leave_out_figures()
        panels.ensemble.show(len({getattr(config, "seed", 0) for config in configs}), session.bands, session.mean)
        panels.presets.show(preset.name if preset else "")
        panels.heading.show(self._engine, preset, session.edited_by_reader, session.in_lesson)
        panels.knobs.show_history(session.history.can_undo, session.history.can_redo)
        panels.members.show(session.every_curve, session.focus)
        panels.messages.show("failure", "error", "")
        self.show_caution(configs[session.focus])

    def leave_out_figures(self) -> None:
        """Show the figures that have something to show, of these, while a lesson asks, those that it means."""
        configs, engine = self._session.configs, self._engine
        sweeps, blank = plots_without_knobs(engine.plots, configs), self._common(engine.blank, "figures")
        meant = self._panels.lesson.figures() if self._panels.lesson else None
        untold = [] if meant is None else [plot.name for plot in engine.plots if plot.name not in meant]
        reasons = {**dict.fromkeys(sweeps, TOO_FEW), **dict.fromkeys(blank, BLANK)}
        self._panels.grid.leave_out({**reasons, **dict.fromkeys([*self._hidden, *untold], "")})

    def _common(self, names: Callable[[Any], frozenset[str]], what: str) -> frozenset[str]:
        """Find the names that `names` gives for every member."""
        find = lambda: frozenset.intersection(*map(names, self._session.configs))  # noqa: E731
        return self._panels.messages.attempt(f"The list of {what} without effect", find, frozenset())

    def show_caution(self, config: Config) -> None:
        """Say what keeps a configuration from showing what it should."""
        text = self._panels.messages.attempt("The caution", lambda: self._engine.caution(config), "")
        self._panels.messages.show("caution", "lesson", text)

    def fade(self, sheet: Any, on: bool, preparing: bool) -> None:
        """Fade what is on the page while another experiment is being prepared, and say which in the heading."""
        preset, heading = self._session.experiment.preset, self._panels.heading
        title = (preset.title if preset else self._engine.title) if preparing else ""
        if heading.preparing != title:
            heading.preparing = title
        classes = ["preparing"] if on else []
        if sheet.css_classes != classes:
            sheet.css_classes = classes
