"""One lab: knobs, plots and text around one player, and the only tick of the page."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import panel as pn
from panel.io import hold
from panel.viewable import Viewer

from dashboard import layout, link
from dashboard.controls import Controls
from dashboard.headline import Headline
from dashboard.marks import theory
from dashboard.marks.series import few
from dashboard.members import Members
from dashboard.notices import FINISHED, Notices, caution, divergence
from dashboard.pacing import Bridge
from dashboard.player import Player
from dashboard.presets import Presets
from dashboard.probes import Probes
from dashboard.remaining import Remaining, ahead
from dashboard.spread import Spread
from dashboard.stage import Stage
from dashboard.story import StoryPanel
from dashboard.transport import SPEEDS, Transport
from engines.core.errors import DynascopeError

if TYPE_CHECKING:
    from engines.core.config import Config
    from engines.core.engine import Engine, Phase
    from engines.core.ensemble import Experiment
    from engines.core.runner import Status

PERIOD = 100
"""Milliseconds between two ticks."""

BUSY = 0.24
"""Seconds between two drawings while a run goes as fast as it can: the processor is better spent on it."""

SLOW = 0.8
"""Seconds between two tellings of the story, the verdicts and the summaries."""


class Lab(Viewer):
    """The body of a lab's page. It must be made, and is only ever called, under its document's lock."""

    def __init__(self, engine: Engine, token: str = "", bridge: Bridge | None = None, device: str = "cpu") -> None:
        super().__init__()
        self.engine, self.player = engine, Player(engine, device)
        self.bridge = bridge or Bridge()
        self.bridge.listen(self._key, self._hide)
        self.own = [] if bridge else [self.bridge]
        self.controls = Controls(engine.Config, self._preview, lambda name, value: self._edit({name: value}))
        self.spread = Spread(engine.Config, self._edit, self._collapse)
        self.presets = Presets(engine.presets, self._choose)
        self.transport = Transport(engine.actions, self._command)
        self.members, self.stage = Members(self._pick), Stage(engine, self._pick)
        self.headline, self.story, self.notices = Headline(self._choose), StoryPanel(), Notices()
        self.probes, self.remaining = Probes(engine.probes), Remaining()
        self._drawn: Any = None
        self._drawn_at = 0.0
        self._decorated: Any = None
        self._told = (0.0, None)
        self._open(token)

    # -- what the reader asks for ----------------------------------------------------------------------------

    def _open(self, token: str) -> None:
        try:
            experiment, view = link.decode(token, self.engine) if token else (self._preset(self.engine.opening), {})
        except link.BadLink as error:
            self.notices.say("link", "error", f"{error} Here is the lab as it opens by default.")
            experiment, view = self._preset(self.engine.opening), {}
        self.player.bands = view.get("bands") is not False
        if str(view.get("speed")) in SPEEDS:
            self.player.speed = str(view["speed"])
        self._load(experiment)
        self.stage.restore(view.get("looks"))

    def _preset(self, name: str) -> Experiment:
        from engines.core.ensemble import Experiment

        return Experiment.of(self.engine, self.engine.preset(name))

    def _load(self, experiment: Experiment) -> None:
        self.player.start(experiment)
        self.probes.clear()
        self.stage.arrange(experiment.preset)
        self._show()

    def _choose(self, name: str) -> None:
        self.player.held, self.player.focus = False, 0
        self.notices.say("finished", "info", "")
        self._load(self._preset(name))

    def _edit(self, values: dict[str, Any]) -> None:
        runner = self.player.runner
        self.player.edit(values)
        late = runner is self.player.runner and runner.status.step >= runner.status.horizon
        self.notices.say("finished", "info", FINISHED if late else "")
        self._show()

    def _show(self) -> None:
        """After another experiment or value: widgets say what is so."""
        player = self.player
        self.controls.show(player.configs, _common(self.engine.idle, player.configs))
        blank = _common(self.engine.blank, player.configs) | few(self.engine.plots, player.configs)
        self.stage.leave_out(blank)
        self.spread.show(len({getattr(config, "seed", 0) for config in player.configs}), player.bands)
        self.presets.show(player.experiment.preset.name if player.experiment.preset else "")
        self.headline.show(self.engine, player.experiment.preset)
        self.members.show(player.curves, player.focus)
        self.notices.say("failure", "error", "")
        self.notices.say("caution", "lesson", caution(self.engine, player.configs[player.focus]))
        self._told = (0.0, None)

    def _preview(self, name: str, value: Any) -> None:
        configs = self.player.preview(name, value)
        self.notices.say("caution", "lesson", caution(self.engine, configs[self.player.focus]))
        self._decorate(configs)

    def _collapse(self, bands: bool) -> None:
        self.player.collapse(bands)
        self._show()

    def _pick(self, key: str) -> None:
        before = self.player.focus
        self.player.pick(key)
        if self.player.focus != before:
            self._show()

    def _command(self, what: str, data: dict[str, Any]) -> None:
        player = self.player
        commands: dict[str, Callable[[], None]] = {
            "toggle": player.toggle,
            "step": lambda: player.step(int(data["count"])),
            "speed": lambda: player.pace(str(data["value"])),
            "scrub": lambda: player.scrub(int(data["index"])),
            "latest": lambda: player.scrub(len(player.runner.run)),
            "branch": player.branch,
            "reset": player.reset,
            "reseed": player.reseed,
            "action": lambda: player.act(str(data["name"])),
            "pin": self._pin,
            "link": self._copy,
            "help": self.notices.toggle_help,
        }
        try:
            commands[what]()
        except DynascopeError as error:
            self.notices.say("failure", "error", str(error))
        if what in ("toggle", "step", "reset", "reseed", "branch"):
            self.notices.say("finished", "info", "")
        if what in ("reset", "reseed", "action"):
            self._show()
        self._tick()

    def _key(self, key: str, big: bool) -> None:
        jump = (10 if big else 1) * (-1 if key == "ArrowLeft" else 1)
        if key.startswith("Arrow"):
            self._command("scrub", {"index": self.player.index() + jump})
        elif key in (" ", "r", "R", "?"):
            self._command({" ": "toggle", "?": "help"}.get(key, "reset"), {})

    def _hide(self, hidden: bool) -> None:
        if hidden:
            self.player.runner.pause()
        elif not self.player.held and self.player.runner.status.step < self.player.runner.status.horizon:
            self.player.runner.play()

    def _pin(self) -> None:
        self.player.pin()
        self._decorated = None

    def _copy(self) -> None:
        view = {"bands": self.player.bands, "speed": self.player.speed, "looks": self.stage.looks()}
        self.bridge.copy(link.encode(self.player.shared(), view))
        text = "The link is in the address bar and, where the browser allows it, on the clipboard. It holds everything."
        self.notices.say("link", "info", text)

    # -- the tick --------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to draw; call it once the page is being shown."""
        callback = pn.state.add_periodic_callback(self._tick, period=PERIOD)
        pn.state.on_session_destroyed(lambda context: (callback.stop(), self.player.close(), self.probes.abandon()))
        self._tick()

    def _tick(self) -> None:
        with hold(pn.state.curdoc):
            self._look()

    def _look(self) -> None:
        runner = self.player.runner
        status, run = runner.status, runner.run
        self.probes.collect(run, status.playing)
        view = (status, run, (len(run), len(run.outcomes)), *self.player.view())
        if not len(run):
            self.transport.refresh(status, 0, 0, 0, ahead=0, left="", scrubbing=False)
        if view == self._drawn or not len(run) or self._resting(status) or not self.bridge.ready():
            self._fail(status.message)
            return
        self._drawn, self._drawn_at = view, time.monotonic()
        self._draw()
        self.bridge.sent()

    def _resting(self, status: Status) -> bool:
        """Whether a run at full speed was drawn a moment ago, and nobody did anything since."""
        if self.player.runner.speed or not status.playing or self._drawn is None:
            return False
        same = self._drawn[3:] == self.player.view() and self._drawn[1] is self.player.runner.run
        return same and time.monotonic() - self._drawn_at < BUSY

    def _draw(self) -> None:
        player = self.player
        status, run = player.runner.status, player.runner.run
        if not self.stage.show(run, player.curves, player.focus):
            self.stage.stream(run)
        subject = (player.configs, status.horizon, player.curves, player.edited)
        if self._decorated != subject:
            self._decorated = subject
            self._decorate(player.configs)
        scrubbing = player.cursor is not None
        self.stage.update(run, status, player.at(), scrubbing, player.curves, player.focus)
        self._time(status, scrubbing)
        self.probes.look(run, player.at(), player.focus)
        self._fail(status.message)
        self._tell(status.playing)

    def _time(self, status: Status, scrubbing: bool) -> None:
        player, run = self.player, self.player.runner.run
        left = self.remaining.text(run, status, player.runner.speed)
        view = {"scrubbing": scrubbing, "pinned": bool(player.ghost), "speed": player.speed}
        # Steps that were asked for by number end before the horizon.
        rest = {"ahead": round(ahead(run, status)), "left": "" if player.held else left}
        self.transport.refresh(status, len(run), player.index(), player.at(), **rest, **view)

    def _decorate(self, configs: list[Config]) -> None:
        horizon = self.player.runner.status.horizon
        lines = theory.predict(self.engine, self.player.curves, configs, horizon, self.player.edited)
        self.stage.decorate(lines, self._phases(), self.player.ghost)

    def _phases(self) -> list[Phase]:
        try:
            return self.engine.phases(self.player.runner.run, self.player.focus)
        except Exception:
            return []

    def _fail(self, message: str) -> None:
        self.notices.say("failure", "error", message) if message else None

    def _tell(self, playing: bool) -> None:
        """The slow part: words and verdicts, about once a second and at every stop."""
        player, now = self.player, time.monotonic()
        subject = (player.runner.run, player.focus, playing, len(player.runner.run.outcomes))
        if now - self._told[0] < SLOW and subject == self._told[1]:
            return
        self._told = (now, subject)
        run = player.runner.run
        self.story.refresh(run, player.focus, player.label, player.edited)
        self.stage.show_phases(self._phases())
        self.stage.describe(run, player.curves, player.at(), player.label)
        self.notices.say("divergence", "lesson", divergence(run))
        self._announce(playing)

    def _announce(self, playing: bool) -> None:
        """Screen readers hear what starts and stops, not each number."""
        state = "playing" if playing else f"paused at step {self.player.at()}"
        preset = self.player.experiment.preset
        self.bridge.announcement = f"{preset.title if preset else self.engine.title}: {state}"

    def __panel__(self) -> Any:
        return layout.lab(self)


def _common(names: Callable[[Any], frozenset[str]], configs: list[Config]) -> frozenset[str]:
    """The names that every member has."""
    return frozenset.intersection(*map(names, configs))
