"""Expensive observables of one member, on demand."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from engines.core.compute.batching import tensor
from engines.core.protocol.engine import Probe, RunData
from engines.core.protocol.errors import ConfigError
from engines.core.protocol.probe_figures import Lines, Trace
from engines.core.runs.replay import simulation_at
from engines.neural_collapse import laws
from engines.neural_collapse.central_path import trace_ratio_rate
from engines.neural_collapse.config import NeuralCollapse
from engines.neural_collapse.response import response_blocks

FACTORS = np.geomspace(0.1, 10, 25)
"""Weight decays that are tried, in units of the run's own."""


def staircase(run: RunData, member: int, step: int = -1) -> dict[str, Any]:
    """Singular values of the response of one class to itself, of the full matrix, against the formula.

    The block F_11 of the dense map dH0 -> dH at the member's frame, `[d n]` values in five levels; and the only
    singular value of F_12, the crosstalk. Raises `ConfigError` for other starts, for large problems and for networks.
    """
    config = _free(run, member, step)
    own, other = response_blocks(config)
    return {
        "number": np.arange(1, len(own) + 1), "singular_value": own, "predicted": laws.staircase(config),
        "crosstalk": float(other[0]), "crosstalk_predicted": laws.crosstalk(config),
        "second_crosstalk": float(other[1]),
    }  # fmt: skip


def decay(run: RunData, member: int, step: int = -1) -> dict[str, Any]:
    """The rate of the trace ratio along the flow, at the features of this step, for other weight decays.

    `d log(Tr Sigma_W/Tr Sigma_B)/dt` from the closed forms of the two traces. At one state it does not depend on
    lambda_H at all. Raises `ConfigError` where there is no spread, and for networks.
    """
    if _free(run, member, step).per_class == 1 or not run["trace_within"][-1, member] > 0:
        raise ConfigError("there is no spread within the classes, so that its ratio has no rate")
    batch = simulation_at(run, step, member).batches[0]
    problem = batch.problem.problem
    H, own = batch.state.H.expand(len(FACTORS), -1, -1), {name: value[0] for name, value in batch.knobs.items()}
    factors = tensor(FACTORS, H.device)
    rates = {}
    for name in ("lambda_w", "lambda_h"):
        knobs = own | {name: own[name] * factors}
        spread = {key: value.expand(len(FACTORS)) for key, value in knobs.items()}
        with torch.no_grad():
            rates[name] = trace_ratio_rate(problem.task.expand(len(FACTORS)), H, spread).cpu().numpy()
    return {"factor": FACTORS, "over_lambda_w": rates["lambda_w"], "over_lambda_h": rates["lambda_h"]}


def _free(run: RunData, member: int, step: int) -> NeuralCollapse:
    """The configuration at a step; a `ConfigError` for networks."""
    config = run.config(member, int(run.steps[-1]) if step < 0 else step)
    if config.model == "network":
        raise ConfigError("this is about free features: choose another model")
    return config


PROBES = (
    Probe(
        name="staircase",
        title="Which perturbations of a class come through",
        doc="All singular values of the response of one class: five levels. Those at 1 turn the frame.",
        compute=staircase,
        pictures=(
            Lines(
                traces=(
                    Trace(x="number", y="singular_value", label="of the full matrix"),
                    Trace(x="number", y="predicted", label="five levels, in closed form", style="theory"),
                ),
                x_label="number",
                y_label="singular value of F₁₁",
            ),
        ),
    ),
    Probe(
        name="decay",
        labels={"over_lambda_w": "change with λ_W", "over_lambda_h": "change with λ_H"},
        title="Which weight decay speeds up the collapse here?",
        doc="The rate of the trace ratio at these very features. Far from collapse the decay of the features does "
        "nothing yet: it acts later, by raising the classifier.",
        compute=decay,
        pictures=(
            Lines(
                traces=(
                    Trace(x="factor", y="over_lambda_w", label="over λ_W", style="line"),
                    Trace(x="factor", y="over_lambda_h", label="over λ_H", style="line"),
                ),
                x_label="weight decay, in units of the run's",
                y_label="d log(Tr Σ_W/Tr Σ_B)/dt",
                log_x=True,
            ),
        ),
    ),
)
