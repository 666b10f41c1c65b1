"""What the page leaves out really does not matter."""

import numpy as np
import pytest

import engines
from engines.core.protocol.errors import ConfigError
from engines.neural_collapse.config import NeuralCollapse
from engines.neural_collapse.engine import ENGINE
from tests.neural_collapse.setting import ran, small

WORDS = {"init": "gaussian_means", "loss": "ce", "batch_norm": False, "greedy": True, "data": "nowhere.npz"}
"""Other values of the knobs that are no numbers."""

MODELS = [
    *({"model": model, "init": init} for model in ("central_path", "proximal", "layers")
      for init in ("gaussian", "near_collapse", "collapsed")),
    {"model": "network", "width": 12, "depth": 2, "epochs": 2},
]  # fmt: skip


def another(config, name):
    """The configuration with some other value of one knob."""
    value = getattr(config, name)
    if isinstance(value, float):
        return config.replace(**{name: 0.6 * value or 0.5})
    return config.replace(**{name: WORDS[name] if name in WORDS else value + 1})


@pytest.mark.parametrize("knobs", MODELS, ids=str)
def test_idle_knobs_change_no_number(knobs):
    one = small(**knobs)
    expected = ran(3, one)
    for name in ENGINE.idle(one):
        again = ran(3, another(one, name))
        for channel in ENGINE.channels:
            np.testing.assert_array_equal(again[channel.name], expected[channel.name], err_msg=f"{name} {channel.name}")


@pytest.mark.parametrize("knobs", MODELS, ids=str)
def test_every_other_number_of_a_model_changes_something(knobs):
    one = small(**knobs)
    expected = ran(3, one)
    for name in ("beta", "step_size", "epsilon", "lambda_w", "weight_decay_last", "learning_rate"):
        changed = ran(3, another(one, name))
        moved = any(
            not np.array_equal(changed[channel.name], expected[channel.name], equal_nan=True)
            for channel in ENGINE.channels
        )
        assert moved is (name not in ENGINE.idle(one)), name


@pytest.mark.parametrize("knobs", MODELS, ids=str)
def test_figures_that_are_left_out_have_nothing_to_show(knobs):
    one = small(**knobs)
    run, blank = ran(3, one), ENGINE.blank(one)
    assert ("survival" in blank) is bool(np.isnan(run["survival"]).all())
    assert ("layers" in blank) is (run["layer_nc1"].shape[-1] == 1)


def test_every_knob_matters_somewhere():
    everywhere = frozenset.intersection(*(ENGINE.idle(small(**knobs)) for knobs in MODELS))
    assert everywhere == frozenset()
    assert engines.load("neural_collapse").idle(NeuralCollapse()) < set(NeuralCollapse.knobs())
    with pytest.raises(ConfigError, match="no such file"):
        ran(1, small(model="network", data="nowhere.npz"))
