"""One lab: knobs, plots and text around one player. What is drawn of them is the screen's."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import panel as pn
from panel.viewable import Viewer

from dashboard.controls.ensemble import Spread
from dashboard.controls.knobs import Controls
from dashboard.controls.members import Members
from dashboard.controls.presets import Presets
from dashboard.controls.transport import Transport
from dashboard.figures.grid import Stage
from dashboard.figures.marks.series import few
from dashboard.page import layout
from dashboard.page.explanation import StoryPanel
from dashboard.page.heading import Headline
from dashboard.page.lesson_panel import Teacher
from dashboard.page.messages import FINISHED, Notices, caution
from dashboard.page.refresh import Screen
from dashboard.probes.panel import Probes
from dashboard.runs.comparison import Comparison
from dashboard.runs.library_panel import Shelf
from dashboard.runs.share import Sharing
from dashboard.session import start as starts
from dashboard.session.session import Player
from dashboard.session.speeds import SPEEDS
from dashboard.session.start import Opening
from dashboard.ui import keyboard
from dashboard.ui.bridge import FIRST_LEASE, LEASE, Bridge
from dashboard.ui.component import whole
from dashboard.ui.formatting import describe
from dashboard.ui.keyboard import Shortcuts
from engines.core.protocol.errors import FAULTS, DynascopeError

if TYPE_CHECKING:
    from dashboard.figures.overlays import Ghosts
    from engines.core.protocol.config import Config
    from engines.core.protocol.engine import Engine
    from engines.core.runs.experiment import Experiment
    from engines.core.runs.run import Run

log = logging.getLogger(__name__)

PERIOD = 100
"""Milliseconds between two ticks."""


class Lab(Viewer):
    """The body of a lab's page. It must be made, and is only ever called, under its document's lock."""

    def __init__(
        self,
        engine: Engine,
        start: Opening | None = None,
        bridge: Bridge | None = None,
        device: str = "cpu",
        resting: bool = False,
    ) -> None:
        """One that is `resting` computes nothing before `resume`."""
        super().__init__()
        self.engine, self.player = engine, Player(engine, device)
        self.bridge = bridge or Bridge()
        self.bridge.listen(self._key, self._hide, lambda: self.player.renew(LEASE))
        self.sharing = Sharing(self)
        self.shortcuts = Shortcuts()
        hidden = [self.sharing.download, self.shortcuts]
        self.own = hidden if bridge else [self.bridge, *hidden]
        self.controls = Controls(engine.Config, self._preview, lambda name, value: self._edit({name: value}))
        self.spread = Spread(engine.Config, self._edit, self._collapse)
        self.presets = Presets(engine.presets, self._choose)
        self.transport = Transport(engine.actions, self._command)
        self.members, self.stage = Members(self._pick), Stage(engine, self._pick, self.sharing.export_plot)
        self.headline, self.story, self.notices = Headline(self._choose), StoryPanel(), Notices()
        self.comparison = Comparison(engine)
        fail = lambda text: self.notices.say("library", "error", text)  # noqa: E731
        self.shelf = Shelf(engine.name, lambda: self.player.runner.run, self._lay, self._open_run, fail)
        self.probes, self.screen = Probes(engine.probes, self.sharing.save), Screen(self)
        self._callback: Any = None
        self._open(start or starts.of(engine), resting)

    # -- what the reader asks for ----------------------------------------------------------------------------

    def _open(self, start: Opening, resting: bool) -> None:
        view, player = start.view, self.player
        self.hidden = frozenset(view.hide)
        player.bands, player.speed, player.focus = view.bands, view.speed, view.focus
        self.notices.say("link", "error", start.said)
        self.teacher = Teacher(start.lesson, view.page, self._teach) if start.lesson else None
        self.headline.second = bool(self.teacher)
        player.held = self.asked or resting
        self._veil()
        self._load(start.experiment, start.run)
        player.held = self.asked or start.run is not None
        self.stage.restore(view.looks)
        player.awaited = view.cursor
        if start.pinned:
            player.repin(start.pinned)

    def _load(self, experiment: Experiment, run: Run | None = None) -> None:
        self.player.start(experiment, run)
        self.probes.clear()
        self.stage.arrange(experiment.preset)
        self._show()

    def _teach(self, index: int, held: bool) -> None:
        """Play what a step of the lesson asks for; what is there already goes on."""
        assert self.teacher
        experiment = self.teacher.lesson.experiment(self.engine, index)
        there = self.player.shared() == experiment
        self.player.held = held
        self._veil()
        if held or not there:
            self._load(experiment)
        else:
            self.resume()

    def _veil(self) -> None:
        """While the reader predicts, nothing on the page tells the answer."""
        open_ = not self.asked
        self.headline.visible = open_
        self.story.veil(not open_)
        self.screen.redecorate()

    @property
    def asked(self) -> bool:
        """Whether a question waits for its answer."""
        return bool(self.teacher and self.teacher.waiting)

    def _choose(self, name: str) -> None:
        self.player.held, self.player.focus = False, 0
        self.notices.say("finished", "info", "")
        self._load(starts.of_preset(self.engine, name))

    def _lay(self, others: Ghosts) -> None:
        self.player.others = others
        self.screen.redecorate()

    def _open_run(self, run: Run) -> None:
        start = starts.of_run(run)
        self._load(start.experiment, run)

    def _edit(self, values: dict[str, Any]) -> None:
        runner = self.player.runner
        self.player.edit(values)
        late = runner is self.player.runner and runner.status.step >= runner.status.horizon
        self.notices.say("finished", "info", FINISHED if late else "")
        how = f"from step {runner.status.step} on" if runner is self.player.runner else "the run starts again"
        self.screen.changed(f"{describe(values)}: {how}")
        self._show()

    def _show(self) -> None:
        """After another experiment or value: widgets say what is so."""
        player = self.player
        self.controls.show(player.configs, _common(self.engine.idle, player.configs) | self.hidden)
        blank = _common(self.engine.blank, player.configs) | few(self.engine.plots, player.configs)
        self.stage.leave_out(blank | self.hidden)
        self.spread.show(len({getattr(config, "seed", 0) for config in player.configs}), player.bands)
        self.presets.show(player.experiment.preset.name if player.experiment.preset else "")
        self.headline.show(self.engine, player.experiment.preset)
        self.members.show(player.curves, player.focus)
        self.notices.say("failure", "error", "")
        self.notices.say("caution", "lesson", caution(self.engine, player.configs[player.focus]))
        self.screen.retell()

    def _preview(self, name: str, value: Any) -> None:
        configs = self.player.preview(name, value)
        self.notices.say("caution", "lesson", caution(self.engine, configs[self.player.focus]))
        self.screen.decorate(configs)

    def _collapse(self, bands: bool) -> None:
        self.player.collapse(bands)
        self._show()

    def _pick(self, key: str | int) -> None:
        before = self.player.focus
        self.player.pick(key)
        if self.player.focus != before:
            self._show()

    def _command(self, what: str, data: dict[str, Any]) -> None:
        player = self.player
        commands: dict[str, Callable[[], Any]] = {
            "toggle": player.toggle,
            "step": lambda: player.step(max(1, whole(data, "count"))),
            "speed": lambda: player.pace(str(data.get("value"))),
            "scrub": lambda: player.scrub(whole(data, "index")),
            "move": lambda: self._move(whole(data, "by") * whole(data, "times")),
            "slower": lambda: self._pace(-1),
            "faster": lambda: self._pace(1),
            "latest": lambda: player.scrub(len(player.runner.run)),
            "branch": player.branch,
            "reset": player.reset,
            "reseed": player.reseed,
            "action": lambda: player.act(str(data.get("name"))),
            "pin": self._pin,
            "link": self.sharing.copy,
            "export": lambda: self.sharing.export(str(data.get("kind"))),
            "help": self.shortcuts.toggle,
            "close": lambda: self.shortcuts.param.update(open=False),
        }
        if what not in commands:
            return
        try:
            commands[what]()
        except DynascopeError as error:
            self.notices.say("failure", "error", str(error))
        if what in ("toggle", "step", "reset", "reseed", "branch"):
            self.notices.say("finished", "info", "")
        if what in ("reset", "reseed", "action"):
            self._show()
        self.screen.tick()

    def _key(self, name: str, big: bool) -> None:
        if key := keyboard.find(name):
            self._command(key.command, key.data | {"times": 10 if big else 1})

    def _move(self, frames: int) -> None:
        self.player.scrub(self.player.index() + frames)

    def _pace(self, by: int) -> None:
        names = list(SPEEDS)
        self.player.pace(names[min(max(names.index(self.player.speed) + by, 0), len(names) - 1)])

    def _hide(self, hidden: bool) -> None:
        (self.rest if hidden else self.resume)()

    def _pin(self) -> None:
        self.player.pin()
        self.screen.redecorate()
        self.screen.retell()

    # -- its life --------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to draw; call it once the page is being shown."""
        self.player.renew(FIRST_LEASE)
        self._callback = pn.state.add_periodic_callback(self.screen.tick, period=PERIOD)
        pn.state.on_session_destroyed(lambda context: self.close())
        self.screen.tick()

    def rest(self) -> None:
        """Stop computing while nobody looks."""
        self.player.runner.pause()

    def resume(self) -> None:
        """Go on after `rest`, unless the reader paused."""
        status = self.player.runner.status
        if not self.player.held and status.step < status.horizon:
            self.player.runner.play()

    def close(self) -> None:
        """Stop drawing and computing, for good."""
        if self._callback:
            self._callback.stop()
            self._callback = None
        self.player.close()
        self.probes.abandon()
        self.sharing.close()
        self.shelf.close()

    def __panel__(self) -> Any:
        return layout.lab(self)


def _common(names: Callable[[Any], frozenset[str]], configs: list[Config]) -> frozenset[str]:
    """The names that every member has; none where finding them fails."""
    try:
        return frozenset.intersection(*map(names, configs))
    except FAULTS:
        log.exception("the names of what has no effect could not be found")
        return frozenset()
