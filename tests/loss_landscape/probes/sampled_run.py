"""A run of sampled subjects, which need no engine to be looked at, and what every probe has to keep."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from engines.core.analysis.probing import check_options, compute_parts, probe_options
from engines.core.protocol.engine import Probe
from engines.core.protocol.probe_figures import Lines, Neurons
from engines.loss_landscape.config import LossLandscape


def run(**knobs: Any) -> Any:
    """One member at step 0."""
    config = LossLandscape(**({"subject": "planted", "optimizer": "langevin"} | knobs))
    return SimpleNamespace(
        config=lambda member, step: config, steps=np.array([0]), initial_configs=(config,), engine=None, device="cpu",
        recording=SimpleNamespace(events=()), cancelled=False,
    )  # fmt: skip


def result(probe: Probe, knobs: dict[str, Any], **chosen: Any) -> dict[str, Any]:
    """What the probe computes in the end; what it says on the way is in order."""
    found = list(compute_parts(probe, run(**knobs), 0, -1, check_options(probe, chosen)))
    shares = [part.share for part in found]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    return dict(found[-1].values)


def offered(probe: Probe) -> None:
    """Every option that is described exists, and every default may be chosen."""
    known = probe_options(probe)
    assert {knob.name for knob in probe.knobs} == set(known)
    check_options(probe, {name: knob.default for name, knob in known.items()})


def drawn(probe: Probe, values: dict[str, Any]) -> list[str]:
    """The titles of the pictures whose arrays are there; these fit each other."""
    titles = []
    for picture in probe.pictures:
        if isinstance(picture, Lines) and all(trace.y in values for trace in picture.traces):
            for trace in picture.traces:
                assert values[trace.x].shape == values[trace.y].shape == (len(values[trace.x]),), trace
            titles.append(picture.title)
        if isinstance(picture, Neurons) and picture.layer in values:
            N, q, T = (len(values[name]) for name in (picture.layer, picture.path_name, picture.distance))
            assert len(values[picture.name]) == len(values[picture.kind]) == N
            assert set(values[picture.kind].tolist()) <= set(range(len(picture.kinds)))
            assert values[picture.loss].shape == values[picture.reference_loss].shape == (q, T)
            assert len(values[picture.path_neuron]) == q
            assert (values[picture.path_neuron] < N).all()
            titles.append(picture.title)
    return titles
