"""Builds with one fault each, which claims of a preset refuse: O1, O9, O12 and O15."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from engines.core.api import simulate
from engines.core.methods import rate_free, spectral, table
from engines.core.runs.experiment import Experiment
from engines.core.runs.run import Run
from engines.optimizer_dynamics import risk
from engines.optimizer_dynamics.engine import ENGINE


def refused(preset):
    """The claims of a preset that do not hold of its members."""
    declared = ENGINE.preset(preset)
    configs = Experiment.from_preset(ENGINE, declared).configs()
    run = simulate(Run(ENGINE, configs, preset=declared), declared.steps)
    return {verdict.claim for verdict in run.judge() if verdict.holds is not True}


@pytest.mark.thorough
def test_o1_notices_exponents_of_one_half_in_shampoo(monkeypatch):
    original = spectral.matrix_power
    monkeypatch.setattr(spectral, "matrix_power", lambda A, exponent, cut=1e-13: original(A, 2 * exponent, cut))
    assert any("Shampoo" in claim for claim in refused("O1"))


@pytest.mark.thorough
def test_o9_notices_noise_that_is_not_divided_by_the_batch_size(monkeypatch):
    original = risk.exact_risk

    def undivided(configs, device):
        exact = original(configs, device)
        return replace(exact, constants=exact.constants._replace(shared=exact.constants.curvature))

    monkeypatch.setattr("engines.optimizer_dynamics.scenes.quadratic.exact_risk", undivided)
    assert any("B = 16" in claim for claim in refused("O9"))


@pytest.mark.thorough
def test_o15_notices_soap_that_never_turns(monkeypatch):
    """In the basis of the entries SOAP is Adam: no advantage at 200 steps."""
    monkeypatch.setitem(table.TABLE, "soap", table.TABLE["adam"])
    assert any("SOAP" in claim for claim in refused("O15"))


def test_o12_notices_a_distance_that_is_accumulated_before_it_is_updated(monkeypatch):
    """DoWG with the old distance in its sum grows by far more than the tribonacci constant."""

    class Late(rate_free.DoG):
        def update(self, x, memory):
            g = x.gradient
            total = memory["total"] + rate_free.dot(g, g) * memory["d"].square()
            d = torch.maximum(memory["d"], rate_free.row_norm(x.w - memory["x0"]))
            return x.w - d.square() / total.sqrt() * g, {"x0": memory["x0"], "d": d, "total": total}

    assert not any("DoWG" in claim for claim in refused("O12"))
    monkeypatch.setitem(table.TABLE, "dowg", lambda c: Late(weighted=True))
    assert any("DoWG: growth" in claim for claim in refused("O12"))
