"""The toy with a probe of everything: parts, options, several pictures, words; and a preset that rests on it."""

from __future__ import annotations

import time

import numpy as np

from engines.core.protocol.config import Knob
from engines.core.protocol.declarations import Verdict
from engines.core.protocol.engine import Part, Preset, Probe
from engines.core.protocol.errors import ConfigError
from engines.core.protocol.probe_figures import Heat, Lines, Trace
from tests.core.toy import ToyEngine

STRIDES = (8, 4, 2, 1)


def _bowl(run, member, step, resolution=17, wait=0.0, shape="bowl", rim=True, limit=1e9):
    """The loss over the first two coordinates, coarse to fine."""
    if resolution > limit:
        raise ConfigError(f"bowl.resolution={resolution} exceeds the limit of {limit:g}")
    config, (_, x) = run.config(member, step), run.curves(member, "x")
    axis = np.linspace(-3, 3, resolution)
    true = config.a / 2 * (axis[:, None] ** 2 + (1 if shape == "bowl" else -1) * axis**2 + 0.05 * rim)
    height = np.full_like(true, np.nan)
    for place, stride in enumerate(STRIDES):
        time.sleep(wait)
        height[::stride, ::stride] = true[::stride, ::stride]
        known = {"u": axis, "v": axis, "height": height, "path_u": x[:, 0], "path_v": x[:, 1]}
        if stride > 1:
            yield Part((place + 1) / len(STRIDES), known)
    ends = {"note": f"It is a {shape}: 1 < 2 & so on.", "sides": ["left", "right"], "least": true.min()}
    yield Part(1.0, known | {"section": true[resolution // 2]} | ends)


BOWL = Probe(
    name="bowl",
    title="Loss around the minimum",
    doc="the loss over two coordinates, and the way the run took",
    compute=_bowl,
    pictures=(
        Heat(
            title="From above", values="height", x="u", y="v", x_label="x₁", y_label="x₂", label="loss", log=True,
            path=("path_u", "path_v"),
        ),
        Lines(title="A cut", traces=(Trace(x="u", y="section", label="loss at x₂ = 0", style="line"),), x_label="x₁"),
    ),
    knobs=(
        Knob(name="resolution", doc="points along each side", bounds=(3, 201)),
        Knob(name="wait", doc="seconds of rest before each part", bounds=(0, 60)),
        Knob(name="shape", doc="which way it bends", choices=("bowl", "saddle")),
        Knob(name="rim", doc="keep it above zero"),
    ),
)  # fmt: skip

CHOSEN = {"resolution": 9, "wait": 0.05}


class Prober(ToyEngine):
    """Descends for 20 steps; whether the claim holds is told by the probe."""

    opening = "measured"

    @property
    def presets(self):
        return (
            Preset(name="measured", title="Measured", look_for="a verdict that needs a probe", set={"a": [1.0, 2.0]},
                   steps=20, judge=_judge, probes={"bowl": CHOSEN}),
            Preset(name="plain", title="Plain", look_for="nothing", steps=20),
        )  # fmt: skip

    @property
    def probes(self):
        return (BOWL, *super().probes)


def _judge(run):
    found = [run.probe_results.get(("bowl", member)) for member in range(len(run.configs))]
    known = all(found)
    least = float(np.mean([one["least"] for one in found])) if known else None
    holds = known and abs(least - 0.0375) < 1e-6 if known else None
    return [Verdict(claim="the bowl ends above zero", measured=least, predicted=0.0375, tolerance=1e-6, holds=holds)]


ENGINE = Prober()
