"""Own methods: pairs and classes of torch.optim race beside built-in ones, are replayed, and err in a sentence."""

import json
import sys

import numpy as np
import pytest
import torch

import dynascope
import launch
from dashboard.session import link
from dashboard.session.start import Start
from dashboard.session.view_state import ViewState
from engines.core.compute.simulation import CPU, Simulation
from engines.core.methods.table import own_method
from engines.core.protocol import registry
from engines.core.protocol.errors import ConfigError, DynascopeError
from engines.core.protocol.own_method import METHODS
from engines.core.runs.experiment import Experiment
from engines.optimizer_dynamics.config import OptimizerDynamics
from engines.optimizer_dynamics.engine import ENGINE
from tests.core.methods.plain import Quadratic, ours, theirs
from tests.optimizer_dynamics.setting import SCENES

SLOW = dict.fromkeys(("edge", "network"), pytest.mark.thorough)

RACERS = [{"method": "adam"}, {"method": "own", "own_method": "my_adam"}, {"method": "own", "own_method": "adamw"},
          {"method": "gd"}, {"method": "own", "own_method": "my_adam", "average": "ema"}]  # fmt: skip


def init(params, knobs):
    return {"m": torch.zeros_like(params), "v": torch.zeros_like(params)}


def adam(gradient, state, params, knobs):
    b1, b2, t = knobs["beta1"], knobs["beta2"], knobs["t"]
    m = b1 * state["m"] + (1 - b1) * gradient
    v = b2 * state["v"] + (1 - b2) * gradient.square()
    u = m / (1 - b1**t) / ((v / (1 - b2**t)).sqrt() + knobs["eps"])
    return (1 - knobs["rate"] * knobs["weight_decay"]) * params - knobs["rate"] * u, {"m": m, "v": v}


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    """Two methods, and what a test registers beside them, are forgotten when it ends."""
    monkeypatch.setattr(METHODS, "cache", {})
    monkeypatch.setattr(registry.PLUGINS, "__path__", [])
    dynascope.method("my_adam", init=init)(adam)
    dynascope.method("adamw", weight_decay=0.0)(torch.optim.AdamW)


def of(name, **knobs):
    return OptimizerDynamics(method="own", own_method=name, **knobs)


@pytest.mark.parametrize("scene", [pytest.param(name, marks=SLOW.get(name, ())) for name in SCENES])
def test_adam_written_once_more_is_the_built_in_one_bit_for_bit_in_one_batch(scene):
    """Torch's own, which rounds in another order, within 1e-6 of the loss in float32 and 1e-12 in float64."""
    run = dynascope.run("optimizer_dynamics", set=SCENES[scene], cases=RACERS, steps=12)
    loss = run["loss"]
    np.testing.assert_array_equal(loss[:, 0], loss[:, 1])
    np.testing.assert_allclose(loss[:, 0], loss[:, 2], rtol=1e-5 if scene == "network" else 1e-12)
    assert loss[-1, 4] != loss[-1, 0] or scene == "edge"  # which observes the iterates themselves
    built_in, alone = (
        dynascope.run("optimizer_dynamics", set={**SCENES[scene], **each}, steps=12) for each in RACERS[:2]
    )
    np.testing.assert_array_equal(alone["loss"], built_in["loss"])


class InGroup(torch.optim.SGD):
    """Gradient descent whose rate falls by what it keeps in its group, as Prodigy keeps its distance."""

    def __init__(self, params, lr):
        super().__init__(params, lr=lr)
        self.param_groups[0]["seen"] = 0

    def step(self, closure=None):
        group = self.param_groups[0]
        group["seen"] += 1
        group["lr"] = group["lr"] / group["seen"]
        super().step(closure)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (torch.optim.AdamW, {"amsgrad": True}),
        (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
        (torch.optim.SGD, {}),
        (torch.optim.Rprop, {}),
        (torch.optim.NAdam, {}),
        (torch.optim.Adafactor, {}),
        (InGroup, {}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_class_of_torch_is_itself_bit_for_bit_though_it_is_resumed_at_every_step(kind, options):
    dynascope.method("theirs", **options)(kind)
    problem = Quadratic()

    def make(params):
        made = kind(params, lr=0.05, **options)
        if kind is InGroup:
            made.register_step_post_hook(lambda made, *_: made.param_groups[0].update(lr=0.05))
        return made

    found = ours(own_method("theirs"), 50, problem)[0]
    assert found.equal(theirs(make, 50, problem))
    assert not found[-1].equal(found[-2])


def test_a_race_goes_on_from_a_checkpoint_and_from_a_file_bit_for_bit(tmp_path):
    cases = [{"method": "own", "own_method": name} for name in ("my_adam", "adamw")]
    whole = dynascope.run("optimizer_dynamics", cases=cases, steps=16)
    dynascope.run("optimizer_dynamics", cases=cases, steps=7).save(tmp_path / "half.parquet")
    resumed = dynascope.resume(dynascope.open(tmp_path / "half.parquet"), 16)
    np.testing.assert_array_equal(resumed.steps, whole.steps)
    for name in whole.recording.dense.names:
        np.testing.assert_array_equal(resumed[name], whole[name])
    configs = [OptimizerDynamics(**case) for case in cases]
    simulation = Simulation(ENGINE, configs, CPU)
    simulation.advance(7)
    saved = simulation.checkpoint()
    simulation.advance(16)
    np.testing.assert_array_equal(simulation.observe().values["loss"], whole["loss"][-1])
    simulation.restore(saved)
    simulation.advance(16)
    np.testing.assert_array_equal(simulation.observe().values["loss"], whole["loss"][-1])


def test_matrices_come_one_by_one_where_a_method_asks_for_them():
    seen = []

    @dynascope.method("normed", init=lambda params, knobs: {"taken": params.new_zeros(len(params))}, matrices=True)
    def normed(gradient, state, params, knobs):
        seen.append(tuple(params.shape[1:]))
        length = torch.linalg.matrix_norm(gradient)[:, None, None]
        assert (state["taken"] == knobs["t"].flatten() - 1).all()
        return params - knobs["rate"] * gradient / length, {"taken": state["taken"] + 1}

    config = of("normed", rows=5, columns=4, width=6, spectrum="2:1", alpha=0.3)
    simulation = Simulation(ENGINE, [config, config.replace(seed=1)], CPU)
    before = simulation.batches[0].state.w
    simulation.advance(1)
    moved = simulation.batches[0].state.w - before
    assert set(seen) == {(6, 4), (5, 6)}
    for part in (moved[:, :24], moved[:, 24:]):
        torch.testing.assert_close(part.norm(dim=1), torch.full((2,), config.eta, dtype=torch.float64))


def in_place(gradient, state, params, knobs):
    return params.sub_(knobs["rate"] * gradient), state


def late_in_place(gradient, state, params, knobs):
    return (params - gradient if knobs["t"].max() < 3 else params.sub_(gradient)), state


def other_state(gradient, state, params, knobs):
    return params - knobs["rate"] * gradient, {} if knobs["t"].max() > 1 else {"m": gradient[:, :2], "v": gradient}


def stops(gradient, state, params, knobs):
    return params - knobs["lr"] * gradient, state


class Outside(torch.optim.SGD):
    """Keeps its momentum where no state_dict holds it."""

    def step(self, closure=None):
        self.count = getattr(self, "count", 0) + 1
        self.param_groups[0]["lr"] = 0.1 * self.count
        super().step(closure)


BAD = {
    "another shape": (lambda g, s, p, k: (p[:, :1], s), None, r"returns params of the shape \[3, 1\], and not \[3, "),
    "no tensor": (lambda g, s, p, k: (3.0, s), None, "returns 3.0 for params, and no tensor"),
    "no pair": (lambda g, s, p, k: p, None, "and no pair of params and state"),
    "another type": (lambda g, s, p, k: (p.float(), s), None, "returns params in torch.float32 on cpu, and not in"),
    "not finite": (lambda g, s, p, k: (p / 0 * 0, s), None, "makes numbers that are not finite of finite ones"),
    "mixes members": (lambda g, s, p, k: (p - g / g.norm(), s), None, "mixes members"),
    "draws": (lambda g, s, p, k: (p - torch.rand_like(g), s), None, "returns something else when it is given the same"),
    "in place": (in_place, None, "changes what it is given in place: return new tensors"),
    "late in place": (late_in_place, None, "changes what it is given in place: return new tensors"),
    "raises": (stops, None, "stopped in update \\(KeyError: 'lr'\\)"),
    "no arguments": (lambda: 0, None, "stopped in update \\(TypeError"),
    "init raises": (adam, lambda p, k: 1 / 0, "stopped in init \\(ZeroDivisionError: division by zero\\)"),
    "no state": (adam, lambda p, k: [p], "and no tensors by name"),
    "number as state": (adam, lambda p, k: {"m": 0.0}, "returns 0.0 for the state 'm', and no tensor"),
    "state of no member": (adam, lambda p, k: {"m": p[0]}, "does not begin with the [13] members"),
    "state changes": (other_state, lambda p, k: {"m": p}, "returns the state m .* and began with m"),
    "needs a closure": (torch.optim.LBFGS, None, "stopped in step \\(TypeError"),
    "no optimiser": (dict, None, "stopped in its constructor \\("),
    "keeps state elsewhere": (Outside, None, "keeps something outside its state_dict, and cannot be resumed"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_a_method_does_wrong_is_one_sentence(what):
    update, begin, message = BAD[what]
    dynascope.method("wrong", init=begin)(update)
    with pytest.raises(DynascopeError, match=f"the method 'wrong' .*({message})") as error:
        dynascope.run("optimizer_dynamics", set={"method": "own", "own_method": "wrong"}, steps=5)
    assert "\n" not in str(error.value)


def test_a_method_that_diverges_later_is_frozen_like_any_other():
    dynascope.method("longer")(lambda g, s, p, k: (p - 4 * g if k["t"].max() > 2 else p - k["rate"] * g, s))
    run = dynascope.run("optimizer_dynamics", cases=[{"method": "own", "own_method": "longer"}, {"method": "gd"}],
                        steps=60)  # fmt: skip
    assert run.diverged_at[0] > 2 and run.diverged_at[1] == -1


def test_what_cannot_be_registered_is_one_sentence():
    for name, arguments, thing, message in (
        ("a name", {}, adam, "cannot be the name of a method"),
        ("three", {}, 3, "neither a function nor a class"),
        ("sgd", {"init": init}, torch.optim.SGD, "leave out init and matrices"),
        ("adam", {"lr": 1}, adam, "is a function, and takes no option 'lr'"),
    ):
        with pytest.raises(ConfigError, match=message):
            dynascope.method(name, **arguments)(thing)


def test_nothing_is_claimed_of_an_own_method():
    steps = np.arange(5)
    for scene, knobs in SCENES.items():
        config = of("my_adam", **knobs)
        assert ENGINE.theory(config, steps) == [], scene
        run = dynascope.run("optimizer_dynamics", set={"method": "own", "own_method": "my_adam", **knobs}, steps=3)
        told = ENGINE.story(run, 0).text
        assert told.startswith("**Your method my_adam") and told.endswith(
            "No law is known of your method, and none is drawn."
        )
        assert run.notes == ()
    edge = dynascope.run("optimizer_dynamics", set=SCENES["edge"], cases=RACERS, steps=3)
    assert np.isfinite(edge["edge_ratio"][:, 0]).all() and np.isnan(edge["edge_ratio"][:, 1]).all()
    assert "beta1" not in ENGINE.idle(of("my_adam")) and {"beta1", "eps"} <= ENGINE.idle(of("adamw"))
    assert ENGINE.caution(of("adamw")).endswith("it steps one member at a time, which is slower.")
    assert "own_method" in ENGINE.idle(OptimizerDynamics())


FILE = """
import torch
import dynascope

@dynascope.method("signs")
def signs(gradient, state, params, knobs):
    return params - knobs["rate"] * gradient.sign(), {}

dynascope.method("sgd")(torch.optim.SGD)
"""


def test_a_file_in_a_folder_of_plugins_offers_methods(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(METHODS, "cache", {})
    (tmp_path / "mine.py").write_text(FILE)
    words = ["run", "optimizer_dynamics", "--plugins", str(tmp_path), "--steps", "5", "--json", "--quiet"]
    losses = []
    for chosen in (["--set", "method=own", "--set", "own_method=signs,sgd"], ["--set", "method=sign,gd"]):
        assert launch.main([*words, *chosen]) == 0
        losses.append([member["final"]["loss"] for member in json.loads(capsys.readouterr().out)["members"]])
    assert losses[0] == pytest.approx(losses[1], rel=1e-9)
    assert METHODS.names() == ["sgd", "signs"]
    sys.modules.pop("dynascope_plugins.mine")
    METHODS.cache.clear()
    (tmp_path / "mine.py").write_text(FILE + "1 / 0")
    for name in ("signs", "sgd", "signs"):
        assert launch.main([*words, "--set", "method=own", "--set", f"own_method={name}"]) == 1
        assert f"the method '{name}' cannot be made (ZeroDivisionError" in capsys.readouterr().err


def test_a_link_holds_the_name_of_a_method_and_no_code(monkeypatch):
    token = link.encode(Experiment.from_preset(ENGINE, set={"method": "own", "own_method": "my_adam"}), ViewState())
    config = Start.from_address(ENGINE, token).experiment.configs()[0]
    assert (config.method, config.own_method) == ("own", "my_adam")
    for name, message in (("my_adan", "unknown method of your own 'my_adan'; did you mean my_adam?"), ("", "several")):
        with pytest.raises(DynascopeError, match=message.replace("?", "\\?")):
            dynascope.run("optimizer_dynamics", set=dict(config.replace(own_method=name)), steps=1)
    monkeypatch.setattr(METHODS, "cache", {})
    with pytest.raises(ConfigError, match="no method of your own is here, such as 'my_adam': register one with"):
        dynascope.run("optimizer_dynamics", set=dict(config), steps=1)
