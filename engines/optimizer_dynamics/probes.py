"""Expensive observables: a tuning sweep, speed-ups at equal loss, curvature, and Monte Carlo beside the exact risk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from engines.core.compute.simulation import Simulation
from engines.core.methods.names import METHOD_LABELS
from engines.core.numerics.lapack import eigvalsh
from engines.core.protocol.config import Knob
from engines.core.protocol.engine import Part, Probe, RunData
from engines.core.protocol.errors import ConfigError
from engines.core.protocol.probe_figures import Bars, Lines, Trace
from engines.core.runs.replay import simulation_at
from engines.optimizer_dynamics import risk
from engines.optimizer_dynamics.config import OptimizerDynamics
from engines.optimizer_dynamics.learning_rate_schedules import SCHEDULES
from engines.optimizer_dynamics.race_probe import speed_ups
from engines.optimizer_dynamics.scenes import central_flow, edge, network, rmsprop_flow
from engines.optimizer_dynamics.verdicts.quadratic import tuned

CPU = torch.device("cpu")

STEPS_A_PART = 25
"""Steps of a probe between two looks at how far it is."""


def _advanced(simulation: Simulation, steps: int) -> Iterator[float]:
    """Advance a simulation, yielding the share that is done."""
    while simulation.step < steps:
        simulation.advance(min(simulation.step + STEPS_A_PART, steps))
        yield simulation.step / steps


def tuning(run: RunData, member: int, step: int = -1, trials: int = 9, steps: int = 200) -> Iterator[Part]:
    """Tune a member's method: so many rates, a factor of 2 apart, under a constant and a linear schedule, as one batch.

    The loss is that at the end of the schedule: of all training images in a race, else the channel `loss`.
    """
    config: OptimizerDynamics = run.configs[member]
    free = config.method in ("schedule_free", "schedule_free_adam")
    names = ("constant",) if free else ("constant", "linear")
    rates = [config.eta * 2.0 ** (k - trials // 2) for k in range(trials)]
    members = [config.replace(eta=eta, schedule=name, horizon=steps) for name in names for eta in rates]
    simulation = Simulation(run.engine, members, CPU)
    for share in _advanced(simulation, steps):
        yield Part(0.99 * share, {})
    channel = "score" if config.scene == "network" else "loss"
    losses = np.where(simulation.diverged_at >= 0, np.nan, simulation.observe().values[channel])
    result: dict[str, Any] = {"rate": np.array(rates), "trials": len(members)}
    for at, name in enumerate(names):
        result[name] = losses[at * trials : (at + 1) * trials]
    best = int(np.nanargmin(losses)) if np.isfinite(losses).any() else 0
    result |= {"best_loss": float(losses[best]), "best_rate": float(members[best].eta), "best": members[best].schedule}
    yield Part(1.0, result)


def best_rates(run: RunData, member: int, step: int = -1) -> dict[str, Any]:
    """Find the best rate of each tuning of the quadratic at its horizon, or at the step where that is earlier.

    Members that differ in their rate alone are one tuning; a constant rate is read at every budget. Its law is in
    closed form, of infinitely many directions. Raises `ConfigError` where no tuning has three rates.
    """
    last = int(run.steps[-1]) if step < 0 else step
    tunings: dict[OptimizerDynamics, list[int]] = {}
    for i, config in enumerate(run.configs):
        if config.scene == "quadratic":
            tunings.setdefault(config.replace(eta=1.0, seed=0), []).append(i)
    rows = []
    for config, members in tunings.items():
        own = {c.horizon for c in tunings if c.batch_size == config.batch_size and c.horizon <= config.horizon}
        for T in sorted({min(T, last) for T in (own if config.schedule == "constant" else {config.horizon})} - {0}):
            best = tuned(run, members, T) if len(members) > 2 else None
            if best is not None:
                rows.append((config.schedule, T, config.batch_size, *best, _law(config, T)))
    if not rows:
        raise ConfigError("best_rates needs three rates of one tuning of the quadratic, as in the presets O7 and O9")
    result: dict[str, Any] = {}
    for name in dict.fromkeys(row[0] for row in rows):
        columns = np.array(sorted(row[1:] for row in rows if row[0] == name), dtype=float).T
        result |= {f"{key}_{name}": column for key, column in zip(("budget", "batch", "rate", "risk"), columns[:4],
                                                                 strict=True)}  # fmt: skip
        result[f"share_{name}"] = columns[2] / columns[1]
        if name == "constant":
            result |= {"rate_law": columns[4], "share_law": columns[4] / columns[1]}
    return result


def _law(config: OptimizerDynamics, steps: int) -> float:
    has_law = config.noise > 0 and config.source > 1 and not config.precondition and config.method == "gd"
    return risk.best_constant_rate(config, steps) if has_law else np.nan


def _tuning_lines(title: str, x: str, y: str, x_label: str, y_label: str, law: str = "") -> Lines:
    """Draw one quantity of all tunings, a line a schedule, and the law of the constant one."""
    laws = (Trace(x=f"{x}_constant", y=law, label="law of a constant rate", style="theory"),) if law else ()
    lines = [Trace(x=f"{x}_{name}", y=f"{y}_{name}", label=name, style="line") for name in SCHEDULES]
    return Lines(title=title, traces=(lines[0], *laws, *lines[1:]), x_label=x_label, y_label=y_label, log_x=True,
                 log_y=True)  # fmt: skip


def hessian(run: RunData, member: int, step: int = -1) -> dict[str, Any]:
    """Compute all eigenvalues of the Hessian at the edge of stability; the largest against 2/eta.

    Raises `ConfigError` for other scenes.
    """
    config = run.configs[member]
    if config.scene != "edge":
        raise ConfigError(f"hessian is of scene=edge, and this is {config.scene}")
    batch = simulation_at(run, step, member).batches[0]
    problem: edge.Problem = batch.problem.problem
    P = batch.state.w.shape[1]
    H = problem.model.curvature(batch.state.w, torch.eye(P, dtype=batch.state.w.dtype)[None])[0]
    values = eigvalsh((H + H.mT)[None] / 2)[0].flip(0).numpy()
    return {"number": np.arange(1, P + 1), "eigenvalues": values, "largest": float(values[0]), "edge": 2 / config.eta}


def _flow_and_its_step(
    config: OptimizerDynamics, problem: edge.Problem, state: edge.State
) -> tuple[Any, Callable[[Any, bool], Any]]:
    """Begin a flow at the smoothed iterate, and say how it goes on: along the central flow or without hops."""
    begin = edge.smoothed(state)
    if config.method == "gd":
        first = central_flow.FlowState(begin, state.basis, 0.0)
        return first, lambda flow, central: central_flow.step(problem.model, flow, config.eta, central)
    knobs = rmsprop_flow.Metric(config.eta, config.beta2, config.eps)
    squares = problem.race.groups[0].unpack(state.memory)["v"]
    first = rmsprop_flow.FlowState(begin, squares, state.basis, 0.0)
    return first, lambda flow, central: rmsprop_flow.step(problem.model, flow, knobs, central)


LEAST_BETA2 = 0.9
"""Decay of squares from which on the central flow of RMSProp is followed: its squares change little in a substep."""


def _without_central_flow(config: OptimizerDynamics) -> str:
    """Say why a configuration has no central flow; "" where it has one."""
    plain = config.method == "gd" or (config.method == "rmsprop" and not config.bias_correction)
    if config.scene != "edge" or not plain:
        return "central_flow is of gradient descent and plain RMSProp with scene=edge"
    if config.schedule != "constant" or config.warmup > 1 or config.weight_decay:
        return (f"central_flow is of a constant rate without decay, not of schedule={config.schedule}, "
                f"warmup={config.warmup}, weight_decay={config.weight_decay:g}")  # fmt: skip
    if config.method == "rmsprop" and config.beta2 < LEAST_BETA2:
        return f"central_flow of RMSProp needs beta2 of {LEAST_BETA2} or more, not {config.beta2:g}"
    return ""


def _has_central_flow(config: OptimizerDynamics) -> bool:
    return not _without_central_flow(config)


def flow(run: RunData, member: int, step: int = -1, steps: int = 100) -> Iterator[Part]:
    """Follow the central flow and the flow without hops from the smoothed iterate at `step`, and the run beside.

    Of gradient descent, and of RMSProp without bias correction, in its own metric. Returns the distances of both to the
    smoothed iterates, and the mean oscillation against the predicted variance. Started where nothing oscillates yet,
    gradient descent stays on the gradient flow until rounding has swollen. Raises `ConfigError` for other scenes and
    methods.
    """
    config: OptimizerDynamics = run.configs[member]
    if why := _without_central_flow(config):
        raise ConfigError(why)
    simulation = simulation_at(run, max(step if step >= 0 else int(run.steps[-1]), 2), member)
    problem: edge.Problem = simulation.batches[0].problem.problem
    state: edge.State = simulation.batches[0].state
    begin, advanced = _flow_and_its_step(config, problem, state)
    central = plain = begin
    rows = []
    for done in range(1, steps + 1):
        simulation.advance(simulation.step + 1)
        state = simulation.batches[0].state
        central, plain = advanced(central, True), advanced(plain, False)
        smooth = edge.smoothed(state)
        swing = (state.before[:, 0] - 2 * state.before[:, 1] + state.w) / 4
        rows.append((float((central.w - smooth).norm()), float((plain.w - smooth).norm()), float(swing.square().sum()),
                     central.variance))  # fmt: skip
        if done % STEPS_A_PART == 0:
            yield Part(0.99 * done / steps, {})
    table = np.array(rows)
    result = {"after": np.arange(1, steps + 1), "central": table[:, 0], "gradient": table[:, 1]}
    yield Part(1.0, {**result, "oscillation": float(table[:, 2].mean()), "variance": float(table[:, 3].mean())})


def _has_exact_risk(config: OptimizerDynamics) -> bool:
    return config.scene == "quadratic" and risk.is_known(config) and config.method != "adam"


def monte_carlo(run: RunData, member: int, step: int = -1, runs: int = 64) -> Iterator[Part]:
    """Sample so many runs of a member and compare their mean risk with the exact one, in standard errors.

    Raises `ConfigError` for other scenes, and for members without an exact risk.
    """
    config: OptimizerDynamics = run.configs[member]
    if not _has_exact_risk(config):
        raise ConfigError("monte_carlo needs scene=quadratic and a member whose risk is known exactly")
    last = int(run.steps[-1]) if step < 0 else step
    last = max(1, min(last, risk.LONGEST))
    members = [config.replace(sampling="sampled", weight_decay=0.0, seed=10_000 + at) for at in range(runs)]
    simulation, at = Simulation(run.engine, members, CPU), np.unique(np.linspace(1, last, 12).astype(int))
    means, errors = [], []
    for stop in at:
        simulation.advance(int(stop))
        values = simulation.observe().values["risk"]
        means.append(float(np.mean(values)))
        errors.append(float(np.std(values, ddof=1) / runs**0.5))
        yield Part(0.99 * stop / last, {})
    exact = risk.expected(config, at)
    z = (np.array(means) - exact) / np.array(errors)
    result = {"steps": at, "mean": np.array(means), "error": np.array(errors), "exact": exact}
    yield Part(1.0, {**result, "largest_z": float(abs(z).max())})


PROBES = (
    Probe(
        name="tuning",
        title="Tuning sweep",
        doc="Rates a factor of 2 apart, constant and linear, as one batch: the U curve and its best.",
        compute=tuning,
        knobs=(
            Knob(name="trials", doc="rates of each schedule", bounds=(3, 41), soft=(3, 15)),
            Knob(name="steps", doc="steps of each trial", bounds=(2, 5000), soft=(50, 1000), log=True),
        ),
        pictures=(
            Lines(
                title="Loss at the end over the step size",
                traces=(
                    Trace(x="rate", y="constant", label="constant"),
                    Trace(x="rate", y="linear", label="linear to zero"),
                ),
                x_label="step size",
                y_label="loss",
                log_x=True,
                log_y=True,
            ),
        ),
    ),
    Probe(
        name="speed_ups",
        title="Speed-ups and places",
        doc="Steps of Adam over those of each method at equal loss, at the end of schedules. How well is Adam tuned?",
        compute=speed_ups,
        applies=lambda config: config.scene == "network",
        knobs=(
            Knob(
                name="baseline",
                label="Adam's rate over its best",
                doc="1: tuned, ¼: four times too small",
                bounds=(0.01, 1),
                soft=(0.05, 1),
                log=True,
            ),
        ),
        labels={"trials_spent": "trials of each method, all budgets"},
        quick=True,
        pictures=(
            Bars(
                title="Speed-up over Adam",
                traces=tuple(Trace(x="budget", y=name, label=METHOD_LABELS[name]) for name in network.RACERS),
                x_label="budget in steps",
                y_label="times as fast",
                mark=1.0,
            ),
            Lines(
                title="Place at each budget, by the best loss",
                traces=tuple(
                    Trace(x="shared_budget", y=f"place_{name}", label=METHOD_LABELS[name], style="line")
                    for name in network.RACERS
                ),
                x_label="budget in steps",
                y_label="place",
                log_x=True,
                downward=True,
            ),
        ),
    ),
    Probe(
        name="best_rates",
        title="Best rates",
        doc="The best rate of each tuning: a power of the budget, and proportional to the batch size up to a cap.",
        compute=best_rates,
        applies=lambda config: config.scene == "quadratic",
        pictures=(
            _tuning_lines("Best rate over the budget", "budget", "rate", "budget in steps", "best rate", "rate_law"),
            _tuning_lines("Best rate over B, over B", "batch", "share", "batch size B", "best rate / B", "share_law"),
            _tuning_lines("Least risk over the budget", "budget", "risk", "budget in steps", "excess risk"),
        ),
    ),
    Probe(
        name="hessian",
        title="Hessian spectrum",
        doc="All eigenvalues of the curvature, exactly; few are large.",
        compute=hessian,
        applies=lambda config: config.scene == "edge",
        pictures=(
            Lines(
                traces=(Trace(x="number", y="eigenvalues", label="eigenvalues, largest first"),),
                x_label="number",
                y_label="eigenvalue",
            ),
        ),
    ),
    Probe(
        name="central_flow",
        title="Central flow",
        doc="Distance of the smoothed run to its central flow and to the flow without hops, from this step on. Of "
        "gradient descent, and of RMSProp in its own metric.",
        compute=flow,
        applies=_has_central_flow,
        knobs=(Knob(name="steps", doc="steps that are followed", bounds=(1, 2000), soft=(20, 400), log=True),),
        pictures=(
            Lines(
                traces=(
                    Trace(x="after", y="central", label="to the central flow", style="line"),
                    Trace(x="after", y="gradient", label="to the flow without hops", style="line"),
                ),
                x_label="steps",
                y_label="distance",
            ),
        ),
    ),
    Probe(
        name="monte_carlo",
        title="Monte Carlo against the exact risk",
        doc="Sampled runs beside the recursion: their mean should be within about three standard errors.",
        compute=monte_carlo,
        applies=_has_exact_risk,
        knobs=(Knob(name="runs", doc="sampled runs", bounds=(4, 4096), soft=(16, 512), log=True),),
        pictures=(
            Lines(
                traces=(
                    Trace(x="steps", y="mean", label="mean of sampled runs"),
                    Trace(x="steps", y="exact", label="exact", style="theory"),
                ),
                x_label="step",
                y_label="excess risk",
                log_y=True,
            ),
        ),
    ),
)
