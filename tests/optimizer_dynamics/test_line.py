"""Growth on a line, and the builds that grow otherwise."""

import numpy as np
import pytest
import torch

from engines.core.methods import rate_free
from engines.optimizer_dynamics import cautions
from engines.optimizer_dynamics.config import OptimizerDynamics
from engines.optimizer_dynamics.engine import ENGINE
from engines.optimizer_dynamics.scenes import line
from tests.optimizer_dynamics.setting import ran

BASE = {"scene": "line", "eta": 1.0, "goal": 1e8}


def growth(method, at=30, **knobs):
    d = ran(at + 1, OptimizerDynamics(**BASE, method=method, **{"beta1": 0.0, **knobs}))["d_estimate"][:, 0]
    return d[at + 1] / d[at]


def first(method, level, steps=140, **knobs):
    x = ran(steps, OptimizerDynamics(**BASE, method=method, **knobs))["distance"][:, 0]
    return int(np.argmax(x >= level))


def test_growth_in_a_step():
    assert growth("dadapt_sgd") == pytest.approx(line.ROOT_THREE, abs=1e-6)
    assert growth("dowg") == pytest.approx(line.TRIBONACCI, abs=1e-6)
    assert growth("prodigy", at=20, beta1=0.9) == pytest.approx(2.57, abs=0.01)


def test_dogs_way_and_its_law():
    """16/42/80 steps to 1e2/1e4/1e6 times the first guess; the law within 3 % in the logarithm."""
    steps = np.array([16, 42, 80])
    assert [first("dog", 1e-6 * f) for f in (1e2, 1e4, 1e6)] == steps.tolist()
    found = np.log(line.dog_distance(OptimizerDynamics(**BASE, method="dog"), steps) / 1e-6)
    np.testing.assert_allclose(found, np.log([1e2, 1e4, 1e6]), rtol=0.031)


def test_d_adaptation_without_its_factor_two_grows_by_root_two(monkeypatch):
    class Halved(rate_free.DAdaptSGD):
        def update(self, x, memory):
            # The package's factor 2 taken back: twice the length in the denominator.
            return half(self, x, memory)

    def half(self, x, memory):
        g = x.gradient
        norm_ = torch.where(x.t == 1, rate_free.row_norm(g), memory["first"])
        step = memory["d"] * x.rate / norm_
        numerator = memory["numerator"] + step * rate_free.dot(g, memory["s"])
        s = memory["s"] + step * g
        d = torch.maximum(memory["d"], numerator / rate_free.row_norm(s))
        return memory["x0"] - s, {**memory, "s": s, "d": d, "numerator": numerator, "first": norm_}

    from engines.core.methods import table

    monkeypatch.setitem(table.TABLE, "dadapt_sgd", lambda c: Halved())
    assert not growth("dadapt_sgd", at=60) == pytest.approx(line.ROOT_THREE, abs=0.05)


@pytest.mark.parametrize("method", ["prodigy", "dadapt_sgd"])
def test_estimates_stay_below_their_ceilings(method):
    config = OptimizerDynamics(scene="line", eta=1.0, goal=3.0, method=method, beta1=0.0)
    run = ran(400, config)
    upper = [one for one in ENGINE.theory(config, run.steps) if one.kind == "upper"]
    assert upper
    assert (run["d_estimate"][:, 0] <= upper[0].values * (1 + 1e-12)).all()


def test_a_first_guess_beyond_the_goal_has_no_theory():
    assert "no theory" in cautions.line(OptimizerDynamics(scene="line", method="prodigy", d0=2.0, goal=1.0))
