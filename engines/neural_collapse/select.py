"""The models that the knob `model` picks from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from engines.neural_collapse import diagnostics, flow, problem, proximal, story
from engines.neural_collapse.diagnostics import Seen
from engines.neural_collapse.features import Knobs
from engines.neural_collapse.models import Model
from engines.neural_collapse.network.model import NETWORK
from engines.neural_collapse.overlays import predictions


def _free(start: Callable[..., Any], step: Callable[..., Any], see: Callable[..., Seen]) -> Model:
    """A model of free features: three functions of its own, and what all of them share."""

    def observe(constants: Any, state: Any, knobs: Knobs) -> dict[str, Tensor]:
        return diagnostics.observe(constants, see(constants, state, knobs), knobs)

    def snapshot(constants: Any, state: Any, knobs: Knobs) -> dict[str, Tensor]:
        return diagnostics.snapshot(constants, see(constants, state, knobs))

    return Model(
        build=problem.build,
        start=start,
        step=step,
        observe=observe,
        snapshot=snapshot,
        nbytes=problem.nbytes,
        theory=predictions,
        phases=story.phases,
        story=story.story,
        caution=story.caution,
        stability=story.stability,
    )


MODELS: dict[str, Model] = {
    "central_path": _free(flow.start, flow.step, flow.see),
    "proximal": _free(proximal.start, proximal.step, proximal.see),
    "layers": _free(proximal.start_stack, proximal.step_stack, proximal.see_stack),
    "network": NETWORK,
}
