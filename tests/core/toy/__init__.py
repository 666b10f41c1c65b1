"""A small engine with one of everything: gradient descent on a x^2 / 2 in `d` dimensions.

It diverges where eta * a > 2, so every test of the core can ask for a diverging neighbour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from engines.core.protocol.config import Config, knob
from engines.core.protocol.declarations import Channel, Plot, Story, Verdict
from engines.core.protocol.engine import Engine, Preset, Probe
from engines.core.protocol.errors import ConfigError
from engines.core.runs.replay import simulation_at


@dataclass(frozen=True, kw_only=True)
class Toy(Config):
    d: int = knob(3, "dimension", role="shape", bounds=(1, 100))
    a: float = knob(1.0, "curvature", bounds=(1e-3, 100), log=True)
    eta: float = knob(0.1, "step size", role="live", bounds=(0, 10))
    shift: float = knob(0.0, "where it descends to", role="live", bounds=(-10, 10))
    sign: str = knob("plus", "sign of the start", choices=("plus", "minus"))
    flat: bool = knob(False, "start at ones")
    seed: int = knob(0, "draws the start", bounds=(0, 2**31 - 1))

    def check(self) -> None:
        if self.flat and self.sign == "minus":
            raise ConfigError("Toy.flat needs sign=plus")


class State(NamedTuple):
    x: Tensor
    t: Tensor


def start_of(config: Toy) -> np.ndarray:
    drawn = np.ones(config.d) if config.flat else np.random.default_rng(config.seed).standard_normal(config.d)
    return drawn if config.sign == "plus" else -drawn


class ToyEngine(Engine):
    name, title, summary = "toy", "Toy", "A quadratic"
    references, Config, opening = ("none",), Toy, "first"
    channels = (
        Channel(name="loss", label="loss", doc="half the squared distance"),
        Channel(name="x", label="x", doc="the iterate", dims=("i",), log=False),
        Channel(name="field", label="field", doc="outer product", dims=("i", "j"), thin=True),
        Channel(name="rare", label="rare", doc="a thin scalar", thin=True),
    )
    plots = (Plot(name="loss", title="loss", channels=("loss",), doc="the loss"),)

    @property
    def presets(self):
        return (
            Preset(name="first", title="First", look_for="decay", set={"a": [1.0, 2.0]}, seeds=(0, 1), steps=50,
                   judge=self.judge_first),
            Preset(name="cases", title="Cases", look_for="both",
                   cases=({"a": 1.0, "eta": 0.1}, {"a": 2.0, "eta": 0.2})),
        )  # fmt: skip

    @property
    def probes(self):
        return (Probe(name="norm", doc="norm of x", compute=_norm),)

    @staticmethod
    def judge_first(run):
        measured = float(run["loss"][-1, 0])
        return [Verdict(claim="the loss falls", measured=measured, predicted=0.0, tolerance=1.0, holds=measured < 1)]

    def problem(self, configs, device):
        return torch.ones(configs[0].d, dtype=torch.float64, device=device)

    def init(self, configs, problem):
        x = torch.tensor(np.stack([start_of(config) for config in configs]), device=problem.device)
        return State(x, torch.zeros(len(configs), dtype=torch.int64, device=problem.device))

    def step(self, problem, state, knobs):
        gradient = knobs["a"][:, None] * (state.x - knobs["shift"][:, None] * problem)
        return State(state.x - knobs["eta"][:, None] * gradient, state.t + 1)

    def observe(self, problem, state, knobs):
        away = state.x - knobs["shift"][:, None] * problem
        return {"loss": 0.5 * knobs["a"] * (away**2).sum(1), "x": state.x}

    def snapshot(self, problem, state, knobs):
        return {"field": state.x[:, :, None] * state.x[:, None, :], "rare": state.x[:, 0]}

    def gather(self, problem, index):
        return problem

    def capturable(self, problem):
        return True

    def story(self, run, member):
        return Story(formula="x", text="falls", reference="none")


def _norm(run, member, step=-1, scale=1.0, power=2):
    x = simulation_at(run, step, member).batches[0].state.x[0]
    return {"norm": scale * float(np.linalg.norm(x, power))}


ENGINE = ToyEngine()
