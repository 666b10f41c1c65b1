"""Callbacks for the loops of other packages watch a training, whether the packages are here or not."""

import sys
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

import engines
from engines.core.protocol.errors import ConfigError
from engines.core.watch import callbacks

PACKAGES = {"lightning": "lightning", "hugging_face": "transformers", "keras": "keras"}
"""What has to be installed for each callback."""


@pytest.mark.parametrize("kind", PACKAGES)
def test_callbacks_watch_the_loops_of_other_packages(tmp_path, monkeypatch, kind):
    """By stand-ins of the packages' interfaces: the calls are those that their loops make."""
    net = torch.nn.Linear(5, 3)
    if not find_spec(PACKAGES[kind]):
        with pytest.raises(ConfigError, match="which is not installed"):
            getattr(callbacks, kind)(None)
    name, base = {
        "lightning": ("lightning.pytorch.callbacks", "Callback"), "hugging_face": ("transformers", "TrainerCallback"),
        "keras": ("keras.callbacks", "Callback"),
    }[kind]  # fmt: skip
    stand_in = ModuleType(name)
    setattr(stand_in, base, type(base, (), {}))
    parts = name.split(".")
    for place in range(1, len(parts)):
        monkeypatch.setitem(sys.modules, ".".join(parts[:place]), ModuleType(".".join(parts[:place])))
    monkeypatch.setitem(sys.modules, name, stand_in)
    eye = engines.watch(net, file=tmp_path / "run.parquet")
    callback = getattr(callbacks, kind)(eye)
    state = SimpleNamespace(global_step=0)
    begin = {"lightning": "on_train_start", "hugging_face": "on_train_begin", "keras": "on_train_begin"}[kind]
    around = {"lightning": (state, net), "hugging_face": (None, state, None), "keras": ()}[kind]
    getattr(callback, begin)(*around)
    for step in range(4):
        state.global_step = step + 1
        if kind == "lightning":
            callback.on_train_batch_end(state, net, {"loss": torch.tensor(0.1 * step)}, None, step)
            callback.on_train_batch_end(state, net, {"loss": torch.tensor(9.0)}, None, step)
        elif kind == "hugging_face":
            callback.on_log(None, state, None, logs={"loss": 0.1 * step})
        else:
            callback.on_train_batch_end(step, {"loss": 0.1 * step, "accuracy": 1.0})
    callback.on_train_end(*around)
    run = engines.open(tmp_path / "run.parquet")
    np.testing.assert_allclose(run["loss"][:, 0], 0.1 * np.arange(4), rtol=1e-6)
    assert run.steps.tolist() == ([0, 1, 2, 3] if kind == "keras" else [1, 2, 3, 4]) and not run.interrupted
