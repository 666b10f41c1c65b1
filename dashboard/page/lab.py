"""The page of one lab: it joins a session to its panels, and carries out what the reader asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from panel.io.callbacks import PeriodicCallback
from panel.viewable import Viewer

from dashboard.controls.ensemble import EnsembleForm
from dashboard.controls.knobs import Knobs, Presets
from dashboard.controls.members import Members
from dashboard.controls.own_files import OwnFilesForm
from dashboard.controls.transport import Transport
from dashboard.figures.card import Card
from dashboard.figures.grid import Grid
from dashboard.page import layout
from dashboard.page.address import Address
from dashboard.page.annotations import annotate
from dashboard.page.explanation import Explanation
from dashboard.page.glossary import Glossary, entry
from dashboard.page.heading import LabHeading
from dashboard.page.lesson_panel import LessonPanel
from dashboard.page.messages import FINISHED, Messages
from dashboard.page.refresh import Refresh
from dashboard.page.widgets import Widgets
from dashboard.probes.panel import Probes
from dashboard.runs.comparison import Comparison
from dashboard.runs.library_panel import LibraryPanel
from dashboard.runs.share import Share
from dashboard.session.session import Session
from dashboard.session.start import Start
from dashboard.session.view_state import ViewState, faster, slower, split_names
from dashboard.ui import keyboard
from dashboard.ui.bridge import FIRST_LEASE, LEASE, Bridge
from dashboard.ui.component import whole
from dashboard.ui.formatting import describe
from dashboard.ui.keyboard import Shortcuts
from engines.core.protocol.errors import DynascopeError
from engines.core.protocol.registry import RECORDED

if TYPE_CHECKING:
    from dashboard.session.lessons import Lesson
    from engines.core.protocol.engine import Engine
    from engines.core.runs.experiment import Experiment
    from engines.core.runs.run import Run

PERIOD = 100
"""Milliseconds between two ticks."""


class Lab(Viewer):
    """The body of a lab's page. It may be made in any thread; from then on it is called under its document's lock."""

    def __init__(
        self,
        engine: Engine,
        start: Start | None = None,
        bridge: Bridge | None = None,
        device: str = "auto",
        suspended: bool = False,
    ) -> None:
        """Open a lab; one that is `suspended` computes nothing before `resume`. A `bridge` is in the page already."""
        super().__init__()
        start = start or Start.from_address(engine)
        self.engine, self.session = engine, start.session or Session(engine, device)
        self.hidden = frozenset(start.view.hide)
        self._start = replace(start, run=None, error="")
        self.ticket = ""
        """The ticket with which the page comes back to what is open; "" until it has been shown."""
        self.bridge = bridge or Bridge()
        self.messages = Messages(engine.Config.knobs())
        self.shortcuts = Shortcuts([entry(term) for term in engine.glossary])
        self.share = Share(
            self.session, self.bridge, self.messages.show, self.view_state, lambda: self.panels.grid.cards,
            lambda: self.panels.grid.drawn,
        )  # fmt: skip
        self.panels = self._make_panels(start, [] if bridge else [self.bridge])
        what_is_open = lambda: (self.session.repeatable(), self.view_state())  # noqa: E731
        self.address = Address(self.bridge, what_is_open, self.share.token)
        collect = (self.session.collect, self.share.collect, self.panels.library.collect, self.address.follow)
        dim = lambda on: self.widgets.fade(self._sheet, on, self.refresh.preparing)  # noqa: E731
        self.refresh = Refresh(self.session, self.bridge, self.panels, collect, self._present, dim)
        self.widgets = Widgets(engine, self.session, self.panels, self.hidden)
        self._sheet = layout.arranged(self.panels, self.hidden)
        self._view: ViewState | None = None
        """How to arrange the figures of what is opened, once it is on the page."""
        self._callback: Any = None
        self.panels.transport.devices = self.session.devices()
        self._closed = False
        self._open(start, suspended)
        self.refresh.present()
        self.address.mark_written()
        extend = lambda: self.session.extend_lease(LEASE)  # noqa: E731
        hide_or_show = lambda hidden: (self.suspend if hidden else self.resume)()  # noqa: E731
        self.bridge.listen(self._press_key, hide_or_show, extend, self._visit)

    def _make_panels(self, start: Start, bridge: list[Bridge]) -> layout.Panels:
        engine, lesson, tab = self.engine, start.lesson, "" if bridge else f"{self.engine.title} · Dynascope"
        return layout.Panels(
            presets=Presets(engine.presets, self._choose_preset),
            knobs=Knobs(engine.Config, self._preview, lambda name, value: self.edit({name: value}), self.command),
            ensemble=EnsembleForm(engine.Config, self.edit, self._show_bands),
            own_files=OwnFilesForm(engine.own_files, engine.Config, self.session.uploads, self.edit),
            lesson=self._lesson_panel(lesson, start) if lesson else None,
            heading=LabHeading(self._undo_edits, second=bool(lesson), tab=tab),
            messages=self.messages,
            transport=Transport(engine.actions, self.command, recorded=engine.name in RECORDED),
            members=Members(self._focus_on, margin=0),
            comparison=Comparison(engine),
            grid=Grid(engine, self._focus_on, self.share.export_figure, self._annotate),
            probes=Probes(engine.probes, self.share.save),
            library=LibraryPanel(
                engine.name,
                current=lambda: self.session.runner.run,
                open=lambda run: self._open_experiment(Start.from_run(run).experiment, run),
                changed=lambda: self.refresh.redraw(),
                fail=lambda text: self.messages.show("library", "error", text),
                checkpoint=lambda: self.session.runner.checkpoint,
            ),
            explanation=Explanation(self.messages),
            invisible=[*bridge, self.share.download, self.shortcuts, Glossary(engine.glossary)],
        )

    def _lesson_panel(self, lesson: Lesson, start: Start) -> LessonPanel:
        acts = (self._play_lesson_step, self._hide_answer, self._solve)
        return LessonPanel(lesson, start.view.lesson_step, *acts, start.follow_up, start.progress)

    def _open(self, start: Start, suspended: bool) -> None:
        view, session = start.view, self.session
        self.messages.show("link", "error", start.error)
        if start.session:
            return self._go_on_with(view)
        session.bands, session.mean = view.bands, view.mean
        session.speed, session.focus = view.speed, view.focus
        session.paused = self._asked or suspended or view.paused_at is not None
        if self.panels.lesson:
            session.lesson_page = self.panels.lesson.experiment(self.engine)
        self._load(start.experiment, start.run, view)
        self._hide_answer()
        session.paused = self._asked or start.run is not None
        session.annotations = view.annotations
        session.come_back_to(view.cursor, view.paused_at)
        if session.pending_pause and not suspended:
            session.go_on()
        if session.pinned_experiment not in (None, start.pinned):
            session.pin_or_unpin()
        if start.pinned and not session.pinned_experiment:
            session.recompute_pinned(start.pinned)

    def _go_on_with(self, view: ViewState) -> None:
        """Go on with what an earlier page had open, which looked like this."""
        self._view = view
        self._hide_answer()
        if not self.session.runner.status.playing:  # that page was hidden
            self.resume()

    def _visit(self, arguments: dict[str, str]) -> None:
        """Open what an address says to which *back* or *forward* led; other parts of a page need another page."""
        start = Start.from_address(self.engine, *(arguments.get(name, "") for name in ("s", "preset", "lesson")))
        start = start.hide(split_names(arguments.get("hide")))
        if self.panels.lesson or start.lesson or frozenset(start.view.hide) != self.hidden:
            return self.bridge.reload()
        self.session.remember()
        self._open(start, False)
        self.address.rewrite()

    def view_state(self) -> ViewState:
        """Return how the lab is viewed now, as a link holds it."""
        session, lesson = self.session, self.panels.lesson
        return ViewState(
            bands=session.bands,
            mean=session.mean,
            speed=session.speed,
            focus=session.focus,
            cursor=session.cursor if session.pending_cursor is None else session.pending_cursor,
            paused_at=session.paused_at,
            log_axes=self._view.log_axes if self._view else self.panels.grid.log_axes(),
            hide=tuple(sorted(self.hidden)),
            lesson=lesson.lesson.name if lesson else "",
            lesson_step=lesson.index if lesson else 0,
            pinned=session.pinned_experiment.to_json() if session.pinned_experiment else "",
            annotations=session.annotations,
        )

    # -- which experiment ------------------------------------------------------------------------------------

    def _load(self, experiment: Experiment, run: Run | None = None, view: ViewState | None = None) -> None:
        """Begin with an experiment; the page goes on to show the one before until the first frame is there."""
        self.session.start(experiment, run)
        self._view = view or ViewState()

    def _present(self) -> None:
        """Put what was loaded or begun again on the page."""
        preset = self.session.experiment.preset
        if self._view:
            self.panels.probes.clear()
            self.panels.grid.arrange(preset)
            self.panels.grid.set_log_axes(self._view.log_axes)
            self._view = None
        self._show_experiment()

    def _choose_preset(self, name: str) -> None:
        self._open_experiment(Start.from_preset(self.engine, name).experiment)

    def _undo_edits(self, preset: str) -> None:
        page = self.session.lesson_page if self.session.in_lesson else None
        self._open_experiment(page or Start.from_preset(self.engine, preset).experiment)

    def _open_experiment(self, experiment: Experiment, run: Run | None = None) -> None:
        self.address.write()
        self.session.remember()
        self.session.paused, self.session.focus, self.session.annotations = False, 0, ()
        self.messages.show("finished", "info", "")
        self._load(experiment, run)
        self.address.write(push=True)

    def _play_lesson_step(self, paused: bool) -> None:
        """Run what the open page of the lesson asks for; where that is open already, it goes on."""
        assert self.panels.lesson
        experiment = self.session.lesson_page = self.panels.lesson.experiment(self.engine)
        already_open = self.session.repeatable() == experiment
        self.session.paused = paused
        if paused or not already_open:
            self._load(experiment)
            self.session.history.forget()
        else:
            self.resume()
        self._hide_answer()

    def _solve(self, knobs: dict[str, Any]) -> None:
        """Turn the knobs that reach the goal of a lesson, and run from the start."""
        self.session.paused = False
        self.edit(knobs)
        self.command("reset", {})

    @property
    def _asked(self) -> bool:
        return bool(self.panels.lesson and self.panels.lesson.stage == "question")

    def _hide_answer(self) -> None:
        """Hide whatever tells the answer while the reader predicts and watches, and show it again."""
        if self.panels.lesson:
            layout.hide_answer(self.panels, self.panels.lesson)
            self.widgets.leave_out_figures()
            self.refresh.redraw()
            self.refresh.describe_soon()

    def edit(self, values: dict[str, Any]) -> None:
        """Set knobs in every member; a list of values spreads one."""
        self._refuse_while_asked()
        runner = self.session.runner
        self.session.edit(values)
        same, status = runner is self.session.runner, runner.status
        self.messages.show("finished", "info", FINISHED if same and status.step >= status.horizon else "")
        effect = f"from step {status.step} on" if same else "the run starts again"
        self.refresh.announce_change(f"{describe(values, self.engine.Config.knobs())}: {effect}")
        self._show_if_on_page()
        self.address.write()

    def _refuse_while_asked(self) -> None:
        if self.panels.lesson and self.panels.lesson.stage != "open":
            raise DynascopeError("The lesson asks about these values: knobs turn again once the answer is told.")

    def _show_if_on_page(self) -> None:
        """Display what changed in the run that is on the page; what begins again is shown with its first frame."""
        if not self.refresh.preparing:
            self._show_experiment()

    def _preview(self, name: str, value: Any) -> None:
        configs = self.session.preview(name, value)
        if self.refresh.preparing:
            return
        self.widgets.show_caution(configs[self.session.focus])
        self.refresh.decorate(self.session.view_context(), configs)

    def _show_bands(self, on: bool, mean: bool) -> None:
        self.session.show_bands(on, mean)
        self._show_if_on_page()

    def _focus_on(self, who: str | int) -> None:
        if self.refresh.preparing:
            return
        before = self.session.focus
        self.session.focus_on(who)
        if self.session.focus != before:
            self._show_experiment()

    def _show_experiment(self) -> None:
        """Display another experiment, value or focus."""
        self.widgets.show()
        self.refresh.describe_soon()

    def _annotate(self, card: Card, what: dict[str, Any]) -> None:
        if not self.refresh.preparing:
            annotate(self.session, self.messages, card, what)
            self.refresh.redraw()

    # -- commands of the transport and the keyboard ----------------------------------------------------------

    def command(self, name: str, data: dict[str, Any]) -> None:
        """Carry out a command, and show at once what came of it."""
        session = self.session
        commands: dict[str, Callable[[], Any]] = {
            "toggle": session.play_or_pause,
            "step": lambda: session.step(max(1, whole(data, "count"))),
            "speed": lambda: session.set_speed(str(data.get("value"))),
            "scrub": lambda: session.scrub(whole(data, "index")),
            "move": lambda: session.scrub(session.shown_frame() + whole(data, "by") * whole(data, "times")),
            "slower": lambda: session.set_speed(slower(session.speed)),
            "faster": lambda: session.set_speed(faster(session.speed)),
            "latest": lambda: session.scrub(len(session.runner.run)),
            "branch": session.branch,
            "reset": session.reset,
            "reseed": session.reseed,
            "undo": lambda: self._travel(session.undo),
            "redo": lambda: self._travel(session.redo),
            "action": lambda: session.press(str(data.get("name"))),
            "devices": lambda: self.panels.transport.param.update(devices=session.devices()),
            "device": lambda: session.compute_on(str(data.get("value"))),
            "pin": self._pin_or_unpin,
            "link": self.share.copy_link,
            "export": lambda: self.share.export_run(str(data.get("kind"))),
            "help": self.shortcuts.open_or_close,
            "close": self.shortcuts.close,
        }
        if name not in commands or (self.panels.lesson and not self.panels.lesson.allows(name)):
            return
        try:
            commands[name]()
        except DynascopeError as error:
            self.messages.show("failure", "error", str(error))
        if name in ("toggle", "step", "reset", "reseed", "branch"):
            self.messages.show("finished", "info", "")
        if name in ("branch", "action"):
            self._show_if_on_page()
        self.refresh.tick()

    def _travel(self, there: Callable[[], None]) -> None:
        """Undo or redo; another preset's figures are arranged as it asks for."""
        self._refuse_while_asked()
        before = self.session.experiment.preset
        there()
        if self.session.experiment.preset is not before:
            self._view = ViewState()
        self._show_if_on_page()
        self.address.write()

    def _press_key(self, name: str, big: bool) -> None:
        if key := keyboard.find(name):
            self.command(key.command, key.data | {"times": 10 if big else 1})

    def _pin_or_unpin(self) -> None:
        self.session.pin_or_unpin()
        self.refresh.redraw()
        self.refresh.describe_soon()

    # -- its life --------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to draw; call it once the page is being shown. A page that was given up before stays closed."""
        if self._closed:
            return
        self.session.extend_lease(FIRST_LEASE)
        # In the background: Panel would keep count of the ticks of all pages as work that they wait for.
        self._callback = PeriodicCallback(callback=self.refresh.tick, period=PERIOD, background=True)
        self._callback.start()

    def suspend(self) -> None:
        """Stop computing while nobody sees the page."""
        self.session.runner.pause()

    def resume(self) -> None:
        """Go on after `suspend`, unless the reader paused."""
        self.session.go_on()

    def leave(self) -> Start:
        """Stop drawing, for good; returns what is open, with which another page can go on."""
        self._stop()
        return replace(self._start, experiment=self.session.repeatable(), view=self.view_state(), session=self.session)

    def close(self) -> None:
        """Stop drawing and computing, for good; does nothing where the page was left before."""
        if not self._closed:
            self._stop()
            self.session.close()

    def _stop(self) -> None:
        self._closed = True
        self.bridge.listen(lambda key, big: None, lambda hidden: None)  # what is on its way means this page
        if self._callback:
            self._callback.stop()
            self._callback = None
        self.panels.probes.cancel()
        self.share.close()
        self.panels.library.close()

    def __panel__(self) -> Any:
        return self._sheet
