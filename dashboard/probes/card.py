"""One probe on the page: its form, the job that computes it, and the result of the last one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import panel as pn
from panel.viewable import Viewer

from dashboard.probes.form import IDLE, ProbeForm
from dashboard.probes.job import ProbeJob, ProbeResult, run_version
from dashboard.probes.result import ProbeValues
from dashboard.session.curves import member_label
from dashboard.ui.eta import duration
from dashboard.ui.formatting import describe, sentence
from dashboard.ui.styles import CARD, FULL_WIDTH, STRETCH
from engines.core.analysis.probing import probe_options
from engines.core.data.plain_json import to_json

if TYPE_CHECKING:
    from engines.core.protocol.engine import Part, Probe
    from engines.core.runs.run import Run

PAUSE = 0.5
"""Seconds between two drawings of what is known so far."""

EARLIER = "from before the run was started again or branched"

WAITING = "waiting for other computations"

FOR_VERDICTS = "because the verdicts need it"


class ProbeCard(Viewer):
    """One probe: a job on its way, and the result of the last one with where it comes from.

    `save(name, make)` gives the reader a file.
    """

    def __init__(self, probe: Probe, save: Callable[[str, Callable[[], str]], None] = lambda name, make: None) -> None:
        super().__init__()
        self.probe, self._deliver = probe, save
        self.job: ProbeJob | None = None
        self._target: tuple[Run, int, int] | None = None
        """Run, step and member that the button computes."""
        self._started_on: tuple[Any, str] = (None, "")
        """Version of the run that the job began on, and why it was computed where no reader asked."""
        self._result = ProbeResult()
        self._verdict_results: dict[int, ProbeResult] = {}
        """Results that verdicts needed, by member."""
        self._failure = ""
        self._drawn_part: tuple[Part | None, float] = (None, 0.0)
        self.form = ProbeForm(probe, self.compute, self.stop, self.save, self._turned)
        self.values = ProbeValues(probe.pictures, probe.name, probe.labels)
        sheets = [CARD, FULL_WIDTH] if len(probe.pictures) > 1 else [CARD]
        self._panel = pn.Column(self.form, self.values, stylesheets=sheets, margin=0, **STRETCH)

    @property
    def visible(self) -> bool:
        """Whether the probe is about the member that is shown."""
        return self._panel.visible

    # -- jobs --------------------------------------------------------------------------------------------------

    def set_target(self, run: Run, step: int, member: int) -> None:
        """Let the button compute at this step of this member; say whether the result that is shown is of the run."""
        self._target = run, step, member
        self._panel.visible = self.probe.applies(run.configs[member])
        if not self._shows_partial:
            self._choose_result()
            self.values.show(self._result.values)
        self.form.show(step=step)
        self._update_note()

    def compute(self) -> None:
        """Start on what the button offers, unless a job is on its way already."""
        if self._target and not self.job:
            self._start(*self._target)

    def _turned(self) -> None:
        """Compute what is shown anew, with the options as they are now, where that is quick."""
        if self.probe.quick and (self._result.values or self.job):
            self.cancel()
            self.compute()

    def compute_for_verdict(self, run: Run, step: int, member: int, options: Mapping[str, Any]) -> ProbeJob:
        """Compute unasked, with these options, what the verdicts on a run need."""
        self.form.choose(options)
        return self._start(run, step, member, FOR_VERDICTS)

    def _start(self, run: Run, step: int, member: int, reason: str = "") -> ProbeJob:
        self._started_on = run_version(run), reason
        self.job = ProbeJob(self.probe, run, step, member, dict(self.form.options))
        self._failure = ""
        self.form.show(busy=True, why=reason)
        self._update_note()
        return self.job

    def cancel(self) -> None:
        """Wait no longer for the job."""
        if self.job:
            self.job.cancel()
            self.job = None

    def stop(self, text: str = "cancelled") -> None:
        """Wait no longer for the job, and say so; nothing half done stays."""
        if self.job:
            self._failure = text
        self.cancel()
        self._show_result()

    def clear(self) -> None:
        """Forget everything but the options: another experiment begins."""
        self.cancel()
        self._result, self._verdict_results, self._failure = ProbeResult(), {}, ""
        self._show_result()

    # -- results -----------------------------------------------------------------------------------------------

    def collect(self) -> None:
        """Show what the job has computed, and how far it is."""
        job = self.job
        if job and job.done:
            self._finish(job)
        elif job:
            left = WAITING if job.started is None else duration(job.seconds_left())
            self.form.show(share=round(job.part.share, 2), left=left)
            self._draw_part(job)

    def save(self) -> None:
        """Give the reader everything that is shown, as JSON."""
        values, origin = self._result.values, self._result.origin
        if values:
            name = f"{origin['engine']}_{self.probe.name}_step_{origin['step']}.json"
            self._deliver(name, lambda: to_json({**origin, "values": values}))

    def _draw_part(self, job: ProbeJob) -> None:
        """Draw what is known so far, of the member in focus and not too often."""
        part, now = job.part, time.monotonic()
        focused = self._target is not None and self._target[2] == job.member
        if part.values and focused and part is not self._drawn_part[0] and now - self._drawn_part[1] > PAUSE:
            self._drawn_part = part, now
            self.values.show(dict(part.values))
            self._update_note()

    def _finish(self, job: ProbeJob) -> None:
        self.job = None
        knobs = {**job.run.engine.Config.knobs(), **probe_options(job.probe)}
        self._failure = sentence(job.failure, knobs)
        if not job.failure:
            self._keep(job)
        self._show_result()

    def _keep(self, job: ProbeJob) -> None:
        version, reason = self._started_on
        text = _origin_text(job, "Computed", reason)
        self._result = ProbeResult(dict(job.part.values), text, version, reason, _origin(job))
        if reason:
            kept = {m: result for m, result in self._verdict_results.items() if result.version == version}
            self._verdict_results = {**kept, job.member: self._result}
        self._choose_result()

    def _choose_result(self) -> None:
        """Choose the result of the member in focus, of those that verdicts needed."""
        if self._result.reason and self._target:
            self._result = self._verdict_results.get(self._target[2], self._result)

    @property
    def _shows_partial(self) -> bool:
        """Say whether values are shown that are not complete yet."""
        return self.job is not None and self.values.shown is not self._result.values

    def _show_result(self) -> None:
        """Show the result, if there is one, and nothing else."""
        self.form.show(**IDLE)
        self.values.show(self._result.values)
        self._update_note()

    def _update_note(self) -> None:
        """Say where the values come from that are shown, and what went wrong."""
        text = self._result.text
        if self.job and self._shows_partial:
            text = _origin_text(self.job, "So far", self._started_on[1])
        elif text and self._target and self._result.version != run_version(self._target[0]):
            text = f"{text} – {EARLIER}"
        failure = self._failure or self.values.failure
        self.form.show(note=text, failure=failure, savable=bool(self._result.values))

    def __panel__(self) -> pn.Column:
        return self._panel


def _origin(job: ProbeJob) -> dict[str, Any]:
    """Say where values come from: the same names as on the command line, and the knobs."""
    return {
        "engine": job.run.engine.name,
        "probe": job.probe.name,
        "member": job.member,
        "step": job.step,
        "options": dict(job.options),
        "config": dict(job.run.configs[job.member]),
    }


def _origin_text(job: ProbeJob, how: str, reason: str) -> str:
    member = member_label(job.run.configs, job.member, preset=job.run.preset)
    options = f"with {describe(job.options, probe_options(job.probe))}" if job.options else ""
    at = f"{how} at step {job.step:,}" + (f", {reason}" if reason else "")
    return " · ".join(filter(None, [at, member, options]))
