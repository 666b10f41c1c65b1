"""Links that hold everything on the page, and files of figures, runs and probes."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dashboard.figures.card import FILES
from dashboard.figures.overlays import Overlays
from dashboard.publish.figure_view import WIDTHS, FigureView, ShareDone
from dashboard.runs.background_jobs import BackgroundJobs
from dashboard.session import link
from dashboard.session.session import Session
from dashboard.session.view_state import ViewState
from dashboard.ui.bridge import Bridge
from dashboard.ui.component import FOLDER, Component, whole

if TYPE_CHECKING:
    from dashboard.figures.card import Card
    from dashboard.figures.marks.prediction_lines import PredictionLine
    from engines.core.protocol.declarations import Plot
    from engines.core.runs.experiment import Experiment
    from engines.core.runs.run import Run

KINDS = {
    ".zip": "Everything (zip)", ".html": "Replay page (HTML)", "_paper.zip": "Paper bundle (zip)",
    ".parquet": "Parquet", ".csv": "CSV", ".nc": "netCDF", ".py": "Python program",
}  # fmt: skip
"""Formats in which a run can be exported, by the ending of the file's name."""

PIECE = 2**20
"""Bytes sent at once: the next ones follow when the page has them."""

COPIED = "The link is in the address bar and, where the browser allows it, on the clipboard. It holds everything."

BROUGHT = "It names a file that you brought, which goes when this page is closed: then it opens with an error."

TOKEN = "The link is on the clipboard, where the browser allows it: for lab(name, link=...), or ?s=... in a browser."


class Share:
    """Copies links and makes files for the reader. Called under the document's lock.

    `show(topic, kind, text)` puts a message on the page, `view()` says how the lab is viewed now, `cards()` are its
    figures and `drawn()` the predictions and the other runs on them.
    """

    def __init__(
        self,
        session: Session,
        bridge: Bridge,
        show: Callable[[str, str, str], None],
        view: Callable[[], ViewState],
        cards: Callable[[], Sequence[Card]],
        drawn: Callable[[], tuple[Sequence[PredictionLine], Overlays]],
    ) -> None:
        self._session, self._bridge, self._show, self._view = session, bridge, show, view
        self._cards, self._drawn = cards, drawn
        self._files = FileMaker(lambda text: show("export", "info", text), lambda text: show("export", "error", text))
        self.download = self._files.download
        """The component that has to be in the page, so that files get there."""

    def token(self) -> str:
        """Return everything that is on screen, as the token of a link."""
        return link.encode(self._session.repeatable(), self._view())

    def copy_link(self) -> None:
        """Give the reader a link, and say where it is."""
        token = self.token()
        if len(token) > link.LONGEST:
            text = f"The link would have {len(token):,} characters; allowed are {link.LONGEST:,}. Unpinning may help."
            return self._show("link", "error", text)
        self._bridge.copy(token)
        text = COPIED if self._bridge.alone else TOKEN
        values = {value for config in self._session.configs for _, value in config}
        brought = any(map(self._session.uploads.holds, values))
        self._show("link", "info", f"{text} {BROUGHT}" if brought else text)

    def export_run(self, suffix: str) -> None:
        """Make a file of everything recorded so far, or of the program that repeats it; `suffix` is one of `KINDS`."""
        from engines.core.files import export

        if suffix not in KINDS or not len(self._session.runner.run):
            return
        run, program = self._run_and_program()
        preset = self._session.experiment.preset
        name = "_".join([run.engine.name, *([preset.name] if preset else []), f"step_{run.steps[-1]}{suffix}"])
        if suffix == ".zip":
            views, token = self._figure_views(), self.token()
            return self._files.make(name, lambda report: _everything(run, views, program, token, report))
        if suffix == "_paper.zip":
            views, experiment = self._figure_views(), self._repeats(run)
            name_of_run = name.removesuffix(suffix)
            return self._files.make(name, lambda report: _paper(name_of_run, run, views, experiment))
        if suffix == ".html":
            views, context = self._figure_views(), replace(self._session.view_context(), run=run)
            return self._files.make(name, lambda report: _replay(context, views, program, report))
        if suffix == ".py":
            return self._files.make(name, lambda report: program)
        self._files.make(name, lambda report: export.to_bytes(run, suffix))

    def _figure_views(self) -> dict[Plot, FigureView]:
        """Read how all figures that are in sight are looked at, the leading one first."""
        shown = [card for card in self._cards() if not (card.hidden or card.empty)]
        shown.sort(key=lambda card: not card.leading)
        return {card.plot: self._figure_view(card) for card in shown}

    def _run_and_program(self) -> tuple[Run, str]:
        from engines.core.runs import script

        run = self._session.runner.run.copy()
        return run, script.script(self._repeats(run))

    def _repeats(self, run: Run) -> Experiment:
        return replace(self._session.repeatable(), steps=max(1, int(run.steps[-1])))

    def export_figure(self, card: Card, kind: str) -> None:
        """Make a file of one figure as it is looked at, one of `FILES`, or of all its numbers."""
        if kind not in [each for each, *_ in FILES] or not len(self._session.runner.run):
            return
        run, plot, view = self._session.runner.run.copy(), card.plot, self._figure_view(card)
        form, _, width = kind.partition(" ")

        def make(report: ShareDone) -> bytes:
            from dashboard.publish import files  # beside the page: matplotlib takes a second or two to import

            return files.figure(run, plot, view, form, WIDTHS[width or "page"], report)

        self._files.make(f"{run.engine.name}_{plot.name}.{form}", make)

    def _figure_view(self, card: Card) -> FigureView:
        """Read how a figure is looked at."""
        context, options = self._session.view_context(), card.options
        laws, overlays = self._drawn()
        return FigureView(
            step=context.step,
            focus=context.focus,
            curves=context.curves,
            horizon=context.status.horizon,
            log_x=options.log_x,
            log_y=options.log_y,
            window=card.window(),
            overlays=overlays,
            theory=bool(laws),
            annotations=[note for note in self._session.annotations if note.plot == card.plot.name],
        )

    def save(self, name: str, content: Callable[[], str]) -> None:
        """Make a file of this name."""
        self._files.make(name, lambda report: content())

    def collect(self) -> None:
        """Send what is ready; call it at each tick."""
        self._files.collect()

    def close(self) -> None:
        """Make nothing more."""
        self._files.close()


class FileMaker:
    """Makes one file at a time beside the page. `inform(text)` tells the reader of progress, `fail(text)` of errors."""

    def __init__(self, inform: Callable[[str], None], fail: Callable[[str], None]) -> None:
        self.download = Download()
        self._inform, self._fail = inform, fail
        self._jobs = BackgroundJobs("export", self._say_failure)
        self._name, self._share, self._said = "", 0.0, 0

    def make(self, name: str, content: Callable[[ShareDone], bytes | str]) -> None:
        """Begin with a file, unless another one is still being made; `content` reports which share of it is done."""
        if self._jobs:
            return self._inform(f"{self._name} is still being made.")
        self._name, self._share, self._said = name, 0.0, 0
        self._jobs.start(lambda: _bytes(content(self._report)), self._send)
        self._inform(f"Making {name}…")

    def collect(self) -> bool:
        """Send the file if it is ready; returns whether one is still being made. Call it at each tick."""
        making = self._jobs.collect()
        said = int(20 * self._share) * 5
        if making and said > self._said:
            self._said = said
            self._inform(f"Making {self._name}: {said} %…")
        return making

    def _report(self, share: float) -> None:
        self._share = share  # called beside the page: the next tick says it there

    def _send(self, content: bytes) -> None:
        self._inform(f"{self._name}: {len(content):,} bytes.")
        self.download.send(self._name, content)

    def _say_failure(self, reason: str) -> None:
        self._inform("")
        self._fail(f"{self._name} could not be made: {reason}")

    def close(self) -> None:
        """Make nothing more."""
        self._jobs.close()


def _everything(*arguments: Any) -> bytes:
    from dashboard.publish import files

    return files.archive(*arguments)


def _paper(*run: Any) -> bytes:
    from dashboard.publish import bundle, files

    return files.packed(bundle.bundle([bundle.Bundled(*run)]))


def _replay(*arguments: Any) -> bytes:
    from dashboard.publish import replay

    return replay.replay(*arguments)


def _bytes(content: bytes | str) -> bytes:
    return content.encode() if isinstance(content, str) else content


class Download(Component):
    """The page's end: it gets a file piece by piece and saves it as a browser saves downloads."""

    _esm = FOLDER / "download.js"
    _stylesheets = [":host { position: absolute; width: 0; height: 0; }"]

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._name, self._data = "", b""

    def send(self, name: str, data: bytes) -> None:
        """Give the reader a file; the page asks for each piece after the first."""
        self._name, self._data = name, data
        self._send_piece(0)

    def _send_piece(self, index: int) -> None:
        count = max(1, -(-len(self._data) // PIECE))
        piece = base64.b64encode(self._data[index * PIECE : (index + 1) * PIECE]).decode()
        kind = mimetypes.guess_type(self._name)[0] or "application/octet-stream"
        self.send_to_script({"name": self._name, "kind": kind, "index": index, "count": count, "piece": piece})

    def _handle_msg(self, data: dict[str, Any]) -> None:
        if "next" in data:
            self._send_piece(max(0, whole(data, "next")))
        elif "done" in data:
            self._data = b""
