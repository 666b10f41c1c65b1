"""Judges of the landscape lab: what they wait for, and the law that one of them makes of its draw."""

import math

import pytest
import torch

import engines
from engines.loss_landscape.config import LossLandscape
from engines.loss_landscape.verdicts.counts import exchange_curvature


def test_a_verdict_waits_until_the_run_can_tell():
    verdicts = engines.run("loss_landscape", preset="L0", steps=20).verdicts
    assert [verdict["holds"] for verdict in verdicts] == [None] * 4
    assert [verdict["holds"] for verdict in engines.run("loss_landscape", preset="L19", steps=5).verdicts] == [None] * 2


@pytest.mark.parametrize("phi", [0.02, 0.3, 2.5])
def test_the_curvature_of_an_exchange_is_the_mean_over_two_wedges(phi):
    """`E (g_0 - g_1)² (w·x)²` of x ~ N(0, I) in the plane of both neurons, by a sum over angles: 1e-6."""
    t = (torch.arange(200_000, dtype=torch.float64) + 0.5) * 2 * math.pi / 200_000
    apart = (t.cos() > 0) != ((t - phi).cos() > 0)
    mean = 2 * (apart * (t - phi).cos().square()).mean()  # 2 is the mean of a squared radius
    config = LossLandscape(subject="planted", optimizer="langevin", planted="near", angle=phi)
    straight = exchange_curvature(config.replace(angle=math.pi))  # the weights' factor alone
    assert exchange_curvature(config) / straight == pytest.approx(float(mean), rel=1e-4)
