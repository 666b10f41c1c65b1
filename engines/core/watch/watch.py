"""Watches a training in its own loop: what it is told, and what it measures within a stated share of the time."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from engines.core.data.recording import Frame
from engines.core.data.schedule import Schedule
from engines.core.files import store
from engines.core.files.atomic_file import require_writable, writing
from engines.core.protocol.errors import ConfigError, quote
from engines.core.protocol.paths import expand_home
from engines.core.runs.run import Run
from engines.core.subjects.minibatches import Minibatches
from engines.core.subjects.subject import Params, Subject
from engines.core.watch import quantities
from engines.core.watch.engine import ENGINE, WatchedTraining

log = logging.getLogger(__name__)

SHARE = 0.05
"""Share of the time of a loop that watching it may take."""

FORGOTTEN = 0.1
"""Part of the longest measurement that is forgotten at each later one: not all take as long."""

SAMPLES = 512
"""Training samples on which curvature and features are measured."""

SAVED = 2.0
"""Seconds between two times that the run is stored, at least."""

PLAIN_NAME = re.compile(r"[A-Za-z]\w*")

TAKEN = ("step", "loss", "member")


@dataclass
class Measured:
    """Quantities of a subject at the parameters that a loop has now; without one, those of its gradients alone."""

    params: Callable[[], Params]
    subject: Subject | None = None
    gradients: Callable[[], Sequence[Tensor | None]] = lambda: ()
    samples: int = SAMPLES
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._first = {name: one.detach().clone() for name, one in self.params().items()}
        self._vector: np.ndarray | None = None
        if self.subject is not None:
            n = self.subject.train.n
            whole = n <= self.samples
            self._data = self.subject.train if whole else Minibatches([self.subject.train.rows(self.samples)], "train")
            if not whole:
                self.notes.append(f"curvature and features are those of the first {self.samples:,} of {n:,} samples")
            self.notes += [note.replace("are frozen", "are those of each step") for note in self.subject.notes]

    @property
    def parameters(self) -> int:
        """Count the numbers that are trained."""
        return sum(one.numel() for one in self._first.values())

    def layers(self) -> list[str]:
        """List the layers whose features are measured, by the names of the subject."""
        if self.subject is None or self.subject.features is None or self.subject.labels is None:
            return []
        return list(quantities.collapse(self.subject, self._data))

    def __call__(self, layers: Mapping[str, str]) -> dict[str, float]:
        """Measure everything at the parameters as they are now; `layers` are the names of channels by layer."""
        now = {name: one.detach() for name, one in self.params().items()}
        measured = {"distance": quantities.distance(now, self._first)}
        if self.subject is None:
            squares = [one.detach().double().square().sum() for one in self.gradients() if one is not None]
            return measured | {"gradient_norm": float(sum(squares)) ** 0.5 if squares else float("nan")}
        at = self.subject.at(now)
        norm, sharp, self._vector = quantities.gradient_and_sharpness(at, self._data, self._vector)
        measured |= {"gradient_norm": norm, "sharpness": sharp}
        for layer, (ratio, angle) in (quantities.collapse(at, self._data) if layers else {}).items():
            measured |= {f"nc1_{layers[layer]}": ratio, f"nc2_{layers[layer]}": angle}
        return measured


class Watch:
    """A training as it is recorded: `with` opens and ends it, `step` is called in the loop, after a step was taken.

    Nothing is measured in the loop before its time allows for it. Beside the loop two measurements make ready, before
    its first step, and one is made of its last.

    Attributes
    ----------
    run : everything recorded so far
    file : where it is stored meanwhile, every few seconds, and at the end
    spent, elapsed : seconds that `step` took so far, and since the loop began
    cost : seconds that a measurement takes, by those so far
    """

    def __init__(
        self, measured: Measured, about: Mapping[str, Any], *, file: Path, name: str, share: float, optimizer: Any
    ) -> None:
        if not (isinstance(share, int | float) and 0 < share <= 1):
            raise ConfigError(f"share={quote(share)} is outside its bounds, above 0 and up to 1")
        self.file, self.share, self._name = expand_home(file), share, name
        self._measured, self._about, self._optimizer = measured, dict(about), optimizer
        self.run: Run | None = None
        self._scalars: tuple[str, ...] = ()
        self._channels: set[str] = set()
        self._layers: dict[str, str] = {}
        self._schedule = Schedule()
        self._failed = False
        self.spent = self._begun = 0.0
        self.cost, self._storing, self._stored_at = 0.0, 0.2, 0.0
        self._measured_at, self._scheduled = -1, 0
        self._newest: tuple[int, dict[str, Any]] | None = None

    def __enter__(self) -> Self:
        require_writable(self.file)
        self._layers = {name: channel_name(name) for name in self._attempt(self._measured.layers, [])}
        for _ in range(2):  # the first time imports and allocates
            begun = time.perf_counter()
            self._attempt(lambda: self._measured(self._layers), {})
            self.cost = time.perf_counter() - begun
        self._begun = time.perf_counter()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if self.run is not None and self._newest:
            step, values = self._newest
            if step > self._measured_at:
                self._record(step, values, observed=True)
            self.run.interrupted = error is not None
            store_run(self.run, self.file)

    @property
    def elapsed(self) -> float:
        """Seconds since the loop began."""
        return time.perf_counter() - self._begun

    def step(self, step: int, loss: Any = None, **scalars: Any) -> None:
        """Record a step that was taken: its loss and numbers of the loop's own; what costs more, when there is time.

        Raises `ConfigError` for a step that is not after the one before, and for numbers with other names.
        """
        begun = time.perf_counter()
        if self.run is None:
            self._begin(scalars)
        self._check(step, scalars)
        values = {"loss": loss, **scalars}
        storing = begun - self._stored_at > SAVED
        kept = self._storing if storing and self._measured_at >= 0 else 0.0  # else it would never be stored
        due = self._affordable(self.cost + kept)
        if due or step >= self._scheduled:
            self._record(step, values, observed=due)
            self._scheduled = self._schedule.next(step)
        self._newest = (step, values)
        self.spent += time.perf_counter() - begun
        if storing and self._affordable(self._storing):
            self._store()

    def _affordable(self, cost: float) -> bool:
        """Whether the share of the time allows for something."""
        return self.spent + cost <= self.share * self.elapsed

    def _begin(self, scalars: Mapping[str, Any]) -> None:
        """Make the run, now that it is known what the loop records itself."""
        for name in scalars:
            if not PLAIN_NAME.fullmatch(name) or name in TAKEN:
                raise ConfigError(f"{quote(name)} cannot be the name of a number: letters, digits and _")
        said = {"eta": self._rate(), "parameters": self._measured.parameters, "scalars": " ".join(scalars)}
        layers, has_loss = " ".join(self._layers.values()), self._measured.subject is not None
        config = WatchedTraining(**self._about | said, layers=layers, curvature=has_loss)
        run = Run(ENGINE.for_configs([config]), [config])
        run.name, run.notes = self._name, tuple(self._measured.notes)
        self._scalars, self._channels, self.run = tuple(scalars), {one.name for one in run.engine.channels}, run

    @property
    def before(self) -> int:
        """The last step that was recorded, or could have been; -1 before there is one."""
        return self._newest[0] if self._newest else -1

    def _check(self, step: int, scalars: Mapping[str, Any]) -> None:
        if isinstance(step, bool) or not isinstance(step, int) or step <= self.before:
            after = f"does not come after {self.before}: steps are whole numbers that increase"
            raise ConfigError(f"step={quote(step)} {after}")
        unknown = [name for name in scalars if name not in self._scalars]
        if unknown:
            names = ", ".join(self._scalars) or "none"
            raise ConfigError(f"{quote(unknown[0])} was not recorded from the first step on; known are {names}")

    def _record(self, step: int, numbers: Mapping[str, Any], observed: bool) -> None:
        assert self.run is not None
        values = dict.fromkeys(("loss", *self._scalars), float("nan"))
        values |= {name: _number(value) for name, value in numbers.items()}
        eta = self._rate()
        if "learning_rate" in self._channels:
            values["learning_rate"] = eta
        if observed or not len(self.run):  # the first row has all columns, though nothing may be known yet
            values |= dict.fromkeys(self.run.thin, float("nan"))
        if observed:
            begun = time.perf_counter()
            values |= self._attempt(lambda: self._measured(self._layers), {})
            self._measured_at = step
            self.cost = max(time.perf_counter() - begun, (1 - FORGOTTEN) * self.cost)
            if "threshold" in self._channels and eta > 0:
                values["threshold"] = (2 + 2 * self.run.configs[0].momentum) / eta
        if len(self.run) and step == int(self.run.steps[-1]):
            self.run.recording.truncate(step - 1)
        self.run.recording.append(Frame(step, watched_frame(values)), self.run.thin)

    def _rate(self) -> float:
        if self._optimizer is None:
            return float(self._about.get("eta", 0.0))
        return float(self._optimizer.param_groups[0]["lr"])

    def _attempt(self, measure: Callable[[], Any], otherwise: Any) -> Any:
        """Measure, and never disturb the training: what fails is said once, and is not tried again."""
        if self._failed:
            return otherwise
        try:
            with torch.random.fork_rng(devices=[]):
                return measure()
        except Exception as error:
            self._failed = True
            note = f"nothing is measured from here on ({type(error).__name__}: {str(error)[:200]})"
            log.warning("watching a training: %s", note)
            self._measured.notes.append(note)
            if self.run is not None:
                self.run.notes = (*self.run.notes, note)
            return otherwise

    def _store(self) -> None:
        """Store what is recorded as a run that was interrupted: should the program be lost, it is one."""
        assert self.run is not None
        begun = time.perf_counter()
        self.run.interrupted = True
        try:
            store_run(self.run, self.file)
        except Exception as error:  # a full disk is no reason to lose a training
            log.warning("a watched training could not be stored: %s", error)
        self._stored_at = time.perf_counter()
        self._storing = self._stored_at - begun
        self.spent += self._storing


def watched_frame(values: Mapping[str, float]) -> dict[str, np.ndarray]:
    """Make the channels `[1]` of the one member of a watched training."""
    return {name: np.array([value], dtype=float) for name, value in values.items()}


def store_run(run: Run, file: Path) -> None:
    """Store a run as a whole or not at all. Raises `StoreError`."""
    with writing(file) as open_file:
        store.write(run, open_file)


def channel_name(name: str) -> str:
    """Make the name of a layer one of a channel."""
    return re.sub(r"\W", "_", name)


def _number(value: Any) -> float:
    if value is None:
        return float("nan")
    try:
        return float(value.detach() if isinstance(value, Tensor) else value)
    except (TypeError, ValueError, RuntimeError):
        raise ConfigError(f"{quote(value)} is no number") from None
