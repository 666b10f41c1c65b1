"""What the text says of a run is what the run does, at both ends of every slider."""

import re

import numpy as np
import pytest

from engines.neural_collapse import laws
from engines.neural_collapse.config import NeuralCollapse
from engines.neural_collapse.engine import ENGINE
from tests.neural_collapse.setting import last, ran

SHAPE = {"classes": 3, "per_class": 5, "features": 6, "init": "gaussian_means"}

ENDS = [
    {"lambda_w": 1e-3, "lambda_h": 0.5, "init": "near_collapse"}, {"lambda_w": 2.0}, {"lambda_h": 1e-3},
    {"lambda_h": 1.9}, {"lambda_h": 2.0}, {"lambda_w": 2.0, "lambda_h": 2.0}, {"lambda_h": 0.0}, {"bias": True}, {},
]  # fmt: skip
"""Of the weight decays, the product of which tells collapse from vanishing at one; and the other frame."""


STEPS = 1000


def story_text(run, i):
    return ENGINE.story(run, i).text


def number(text, before):
    """The bold number after these words."""
    return float(re.search(rf"{before} \*\*(.+?)\*\*", text)[1])


def stepped(**knobs):
    """Stable steps of the flow, a thousand of which let what is slowest fall by e^-12."""
    one = NeuralCollapse(**{**SHAPE, **knobs})
    slowest = one.lambda_h * min(1, 4 * (1 - one.c))
    enough = 12 / slowest / STEPS if slowest > 0 else np.inf
    return one.replace(step_size=min(20.0, enough, 0.5 * laws.stable_step(one)))


@pytest.fixture(scope="module")
def flow():
    return ran(STEPS, *(stepped(**knobs) for knobs in ENDS))


@pytest.mark.parametrize("i", range(len(ENDS)), ids=lambda i: str(ENDS[i]))
def test_the_flow_collapses_vanishes_or_grows_as_it_is_told(flow, i):
    """Slopes within 5 per cent; what vanishes is below 1e-2 of its start and falls; what grows still does."""
    text, size = story_text(flow, i), flow["feature_norm"][:, i]
    if "vanish" in text:
        assert size[-1] < 1e-2 * size[0]
        assert size[-1] == 0 or size[-1] < 0.9 * size[len(size) // 2]
    elif "grow without end" in text:
        assert size[-1] > 1.2 * size[len(size) // 4] > size[0]
    else:
        one, late = flow.configs[i], flow.steps >= 0.6 * flow.steps[-1]
        values = flow["nc1_trace"][:, i]
        late &= values > 1e-280
        slope = np.polyfit(flow.steps[late], np.log(values[late]), 1)[0] / one.step_size
        assert number(text, "with the slope") == pytest.approx(slope, rel=0.05)
        assert number(text, "ρ =") == pytest.approx(size[-1] ** 2 / (1 - one.bias / one.classes), rel=0.01)
    assert ("vanish" in text) is (flow.configs[i].c >= 1)


def test_without_room_out_of_the_span_the_slope_is_that_in_it():
    one = stepped().replace(features=3)
    run = ran(300, one)
    late = run.steps >= 150
    slope = np.polyfit(run.steps[late], np.log(run["nc1_trace"][late, 0]), 1)[0] / one.step_size
    assert number(story_text(run, 0), "with the slope") == pytest.approx(slope, rel=0.05)
    assert "no other" in story_text(run, 0)


@pytest.mark.parametrize("beta", [1e-2, 30.0])
def test_layers_end_up_with_the_slopes_that_are_told(beta):
    """A start near collapse, so that the frame is found at once; NC1 above the rounding of the rest: 2 per cent."""
    one = NeuralCollapse(**{**SHAPE, "init": "near_collapse"}, model="layers", beta=beta, epsilon=0.01, lambda_h=1.0,
                         lambda_w=0.05)  # fmt: skip
    run = ran(4 if beta < 1 else 60, one)
    text = story_text(run, 0)
    for channel, words, first in (("nc1_trace", "with the slope", len(run.steps) // 2), ("nc1", "NC1 with", 0)):
        values = run[channel][:, 0]
        seen = (run.steps >= first) & (values > 1e-28 * run["nc1_trace"][:, 0])
        slope = np.diff(np.log(values[seen])).mean() / np.diff(run.steps[seen]).mean()
        assert number(text, words) == pytest.approx(slope, rel=0.02), channel


@pytest.mark.parametrize("beta", [1e-2, 1e3])
def test_a_layer_leaves_what_is_told(beta):
    """Printed to three digits."""
    run = ran(60, NeuralCollapse(**{**SHAPE, "init": "near_collapse"}, model="proximal", beta=beta, epsilon=1e-4))
    found = [float(one) for one in re.findall(r"\*\*([\d.e-]+)\*\* of", story_text(run, 0))]
    np.testing.assert_allclose(found, last(run, "survival")[0, :3], rtol=6e-3)


def test_one_layer_does_not_vanish():
    one = NeuralCollapse(**SHAPE, model="proximal", lambda_w=2.0, lambda_h=1.0)
    run = ran(60, one)
    assert "one layer shrinks both" in story_text(run, 0)
    assert 0.1 < last(run, "feature_norm")[0] / run["feature_norm"][0, 0] < 1


def test_features_at_zero_are_not_told_as_collapse():
    """Three tenths are left at a step: 0 after about 600. Ratios hold as long as there is anything, down to 1e-300."""
    run = ran(640, NeuralCollapse(**{**SHAPE, "init": "gaussian"}, lambda_w=2.0, lambda_h=5.0, step_size=0.32))
    size, trace = run["feature_norm"][:, 0], run["nc1_trace"][:, 0]
    assert (size[(size < 1e-200) & (size > 1e-300)] > 0).sum() > 10
    assert (trace[size > 1e-300] > 0).all()
    assert size[-1] == 0
    for name in ("nc1", "nc1_trace", "cdnv", "nc2_etf", "nc2_of", "equinorm", "nc3", "nc4", "nc1_trace_ratio"):
        assert np.isnan(last(run, name)[0]), name
    assert "All features are zero" in story_text(run, 0)
    assert "no collapse" in story_text(run, 0)


@pytest.mark.parametrize("scale", [0.0, 2.0])
def test_of_a_collapsed_start_nothing_but_the_length_moves(scale):
    run = ran(50, NeuralCollapse(**{**SHAPE, "init": "collapsed"}, scale=scale))
    moved = abs(run["feature_norm"][-1, 0] / run["feature_norm"][0, 0] - 1)
    assert ("nothing moves" in story_text(run, 0)) is bool(moved < 1e-9)
    assert last(run, "trace_within")[0] < 1e-25


def test_networks_without_weight_decay_are_not_said_to_be_pulled():
    one = NeuralCollapse(model="network", depth=1, width=12, epochs=1, weight_decay_features=0.0, weight_decay_last=0.0)
    assert "little pulls" in story_text(ran(2, one), 0)
    assert "weight decay pulls on" in story_text(ran(2, one.replace(weight_decay_last=1e-3)), 0)


def test_a_file_that_no_network_learns_is_said_to_be_unread():
    assert "data=iris.npz is not read: only model=network" in ENGINE.caution(NeuralCollapse(data="iris.npz"))
    assert ENGINE.caution(NeuralCollapse()) == ""
