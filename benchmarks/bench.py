"""`launch.py bench`: one table a lab, of our time a step beside the limit of this machine and beside a plain loop."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import torch

from benchmarks.machine import Machine, Work, counted, loaded
from benchmarks.peers import there
from benchmarks.works import PLAIN, WORKS, Bench, step_of
from engines.core.compute import device as devices
from engines.core.compute.simulation import Simulation
from engines.core.protocol.errors import UnknownName
from engines.core.protocol.registry import load
from engines.core.runs.experiment import Experiment

ROUNDS = 7
"""Times that all is measured in turn."""

USUAL = 101
"""A step at which only what is observed at every frame is looked at."""

LONG = 0.03
"""Seconds that each is measured for at least, in every round."""

HEADS = ("work", "a step", "spread", "each member", "limit by", "of the limit", "observation", "plain loop", "peers")


@dataclass(frozen=True)
class Row:
    """What was measured of one work; times are medians, in seconds."""

    lab: str
    work: str
    members: int
    device: str
    step: float
    spread: float
    """Slowest round over the quickest."""
    limited_by: str
    limit: float
    """Seconds of a step at the limit of the machine."""
    observation: float
    plain: float | None
    """Seconds of a step of all members in plain loops, one after another."""
    peers: dict[str, float]
    """The same of packages that others wrote, by their names."""

    @property
    def fraction(self) -> float:
        """Share of the limit that is reached."""
        return self.limit / self.step


Cells = Sequence[Sequence[str]]


def bench(
    labs: Sequence[str],
    device: torch.device,
    rounds: int = ROUNDS,
    show: Callable[[str], Any] = print,
    keep: Callable[[str, Cells], Any] = lambda title, lines: None,
) -> dict:
    """Measure the works of some labs and show a table each; return everything as one JSON object.

    `keep` is given the title and the cells of each table, its heads first.
    """
    for name in labs:
        if name not in WORKS:
            raise UnknownName("lab", name, WORKS)
    machine, before = Machine(device), loaded()
    show(f"{machine.name}, torch {torch.__version__}")
    rows = []
    for name in labs or WORKS:
        found = [_measured(name, one, machine, rounds) for one in WORKS[name]]
        lines = [HEADS, *map(_cells, found)]
        show(_table(load(name).title, lines))
        keep(load(name).title, lines)
        rows += found
    note = before or loaded()
    if note:
        show(f"\n{note}")
    about = {"machine": machine.name, "device": str(device), "threads": torch.get_num_threads(), "loaded": note}
    return about | {"rows": [asdict(row) | {"fraction": row.fraction} for row in rows]}


def _measured(lab: str, work: Bench, machine: Machine, rounds: int) -> Row:
    """Measure ours, the limits and the plain loop in turn."""
    engine = load(lab)
    configs = Experiment.from_preset(engine, None, work.knobs).configs()
    simulation = Simulation(engine, configs, machine.device)
    (batch,) = simulation.batches
    machine = machine if batch.device == machine.device else Machine(batch.device)
    start, asked = simulation.checkpoint(), _counted(simulation, batch)
    others = {name: make(simulation) for name, make in work.others.items() if name == PLAIN or there(name)}
    count, loops = _calls(_advance(simulation, 1)), {name: _calls(act) for name, act in others.items()}
    simulation.restore(start)
    times: dict[str, list[float]] = {"step": [], "observation": []} | {name: [] for name in others}
    limits: list[dict[str, float]] = []
    simulation.advance(USUAL)
    saved = simulation.checkpoint()
    looks = [simulation.look()] * batch.looks.most
    for _ in range(rounds):
        simulation.restore(saved)
        times["observation"].append(machine.seconds(lambda: simulation.send(looks)()) / len(looks))
        times["step"].append(machine.seconds(_advance(simulation, count)) / count)
        limits.append(machine.limits(asked))
        for name, act in others.items():
            times[name].append(machine.seconds(_repeated(act, loops[name])) / loops[name] / work.steps)
    middle = {name: median(one[name] for one in limits) for name in limits[0]}
    by = max(middle, key=lambda name: middle[name])
    step, theirs = times["step"], {name: len(configs) * median(times[name]) for name in others}
    return Row(
        lab, work.name, len(configs), str(batch.device), median(step), max(step) / min(step), by, middle[by],
        median(times["observation"]), theirs.pop(PLAIN, None), theirs,
    )  # fmt: skip


def _counted(simulation: Simulation, batch: Any) -> Work:
    with devices.current(batch.device):
        return counted(step_of(batch))


def _advance(simulation: Simulation, count: int) -> Callable[[], None]:
    def advance() -> None:
        simulation.advance(simulation.step + count)
        simulation.wait()

    return advance


def _repeated(act: Callable[[], object], count: int) -> Callable[[], None]:
    def repeated() -> None:
        for _ in range(count):
            act()

    return repeated


def _calls(act: Callable[[], object]) -> int:
    """Calls that take about `LONG`, after some that warm up."""
    timer = Machine(torch.device("cpu"))
    once = min(timer.seconds(act) for _ in range(3))
    return max(1, min(1000, round(LONG / once)))


def _table(title: str, lines: Cells) -> str:
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADS))]
    written = ["  ".join(cell.ljust(width) if not i else cell.rjust(width) for i, (cell, width) in
                         enumerate(zip(line, widths, strict=True))) for line in lines]  # fmt: skip
    return "\n".join(["", title, *written])


def _cells(row: Row) -> tuple[str, ...]:
    plain = f"{row.plain / row.step:.1f} x" if row.plain else "-"
    peers = ", ".join(f"{name} {seconds / row.step:.1f} x" for name, seconds in row.peers.items()) or "-"
    where = "" if row.device == "cpu" else f", on {row.device}"
    return (
        row.work + where, _time(row.step), f"{row.spread:.2f}", _time(row.step / row.members), row.limited_by,
        f"{row.fraction:.0%}", f"{row.observation / row.step:.1f} steps", plain, peers,
    )  # fmt: skip


def _time(seconds: float) -> str:
    """Write a time as a person reads it.

    >>> _time(0.00123), _time(4.5e-6)
    ('1.23 ms', '4.5 us')
    """
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} us"


def main(lab: str | None, device: str, as_json: bool) -> str:
    """Carry out `launch.py bench`; tables go out as they are measured, or one JSON object at the end."""
    found = bench([lab] if lab else [], devices.resolve(device), show=(lambda text: None) if as_json else print)
    return json.dumps(found, indent=1) if as_json else ""
