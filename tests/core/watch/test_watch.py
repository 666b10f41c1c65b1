"""A watched training is recorded as it is, within its share of the time, and is a run like any other."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import engines
from engines.core.protocol.errors import ConfigError, StoreError
from engines.core.watch import watch as watching

SAMPLES, CLASSES = 60, 3


def setting(seed=0):
    """A small network, its samples in two minibatches, and a loss a sample."""
    torch.manual_seed(seed)
    X, y = torch.randn(SAMPLES, 5), torch.arange(SAMPLES) % CLASSES
    net = torch.nn.Sequential(torch.nn.Linear(5, 6), torch.nn.Tanh(), torch.nn.Linear(6, CLASSES))
    return net, [(X[:40], y[:40]), (X[40:], y[40:])], torch.nn.CrossEntropyLoss(reduction="none")


@pytest.fixture
def time_enough(monkeypatch):
    """Everything is measured at every step."""
    monkeypatch.setattr(watching.Watch, "elapsed", 1e9)


def trained(net, minibatches, loss, steps, after, eta=0.3):
    optimizer = torch.optim.SGD(net.parameters(), lr=eta)
    for step in range(1, steps + 1):
        X, y = minibatches[step % 2]
        value = loss(net(X), y).mean()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        after(step, value)


def hessian(net, minibatches, loss):
    """The Hessian of the mean loss over all samples, dense and in double precision."""
    X, y = (torch.cat(part) for part in zip(*minibatches, strict=True))
    names = [name for name, _ in net.named_parameters()]
    shapes = [one.shape for one in net.parameters()]
    theta = torch.cat([one.detach().reshape(-1) for one in net.parameters()]).double()

    def total(at):
        parts = at.split([shape.numel() for shape in shapes])
        params = {name: part.view(shape) for name, part, shape in zip(names, parts, shapes, strict=True)}
        return loss(torch.func.functional_call(net, params, (X.double(),)), y).mean()

    return torch.autograd.functional.hessian(total, theta), torch.func.grad(total)(theta)


def test_channels_are_those_of_the_dense_oracle_and_of_checkpoints_afterwards(tmp_path, time_enough):
    net, minibatches, loss = setting()
    steps, oracle = (1, 4, 9), {}

    def after(step, value):
        if step in steps:
            save_file(dict(net.state_dict()), tmp_path / f"net-{step}.safetensors")
            H, g = hessian(net, minibatches, loss)
            oracle[step] = torch.linalg.eigvalsh(H)[-1].item(), g.norm().item()
        eye.step(step, loss=value, accuracy=1.0)

    with engines.watch(
        net, minibatches, loss, eta=0.3, features=["1"], file=tmp_path / "run.parquet", share=1.0
    ) as eye:
        trained(net, minibatches, loss, 9, after)
    thin = eye.run.recording.thin
    rows = [thin.steps.tolist().index(step) for step in steps]
    expected = np.array([oracle[step] for step in steps])
    np.testing.assert_allclose(thin["sharpness"][rows, 0], expected[:, 0], rtol=2e-4)
    np.testing.assert_allclose(thin["gradient_norm"][rows, 0], expected[:, 1], rtol=1e-5)
    np.testing.assert_allclose(thin["threshold"][rows, 0], 2 / 0.3, rtol=1e-6)
    afterwards = engines.inspect(tmp_path, engines.Subject.of(net, minibatches, loss, features=["1"]))
    assert afterwards.steps.tolist() == list(steps)
    for name in ("sharpness", "gradient_norm", "nc1_1", "nc2_1"):
        np.testing.assert_allclose(afterwards[name], thin[name][rows], rtol=3e-4, err_msg=name)


def test_collapse_is_that_of_its_definition(tmp_path):
    net, minibatches, loss = setting()
    run = engines.inspect(saved(net, tmp_path), engines.Subject.of(net, minibatches, loss, features=["1"]))
    X, y = (torch.cat(part) for part in zip(*minibatches, strict=True))
    H = net[:2](X).detach().double().numpy()
    means = np.array([H[y == c].mean(0) for c in range(CLASSES)])
    spread = means - means.mean(0)  # classes are of one size
    within = np.mean([np.square(H[y == c] - means[c]).sum(1).mean() for c in range(CLASSES)])
    unit = spread / np.linalg.norm(spread, axis=1, keepdims=True)
    cosines = (unit @ unit.T)[~np.eye(CLASSES, dtype=bool)]
    assert run["nc1_1"].item() == pytest.approx(within / np.square(spread).sum(1).mean(), rel=1e-5)
    assert run["nc2_1"].item() == pytest.approx(np.abs(cosines + 1 / (CLASSES - 1)).mean(), rel=1e-5)


def saved(net, folder):
    save_file(net.state_dict(), folder / "checkpoint_7.safetensors")
    return folder


def test_a_training_is_not_changed_by_being_watched(tmp_path, time_enough):
    ends = []
    for watched in (False, True):
        net, minibatches, loss = setting()
        net.insert(1, torch.nn.Dropout(0.2))
        if watched:
            with engines.watch(net, minibatches, loss, file=tmp_path / "run.parquet", share=1.0) as eye:
                trained(net, minibatches, loss, 6, lambda step, value, eye=eye: eye.step(step, loss=value))
            assert len(eye.run.recording.thin) > 1
        else:
            trained(net, minibatches, loss, 6, lambda step, value: None)
        ends.append([*(one.detach() for one in net.parameters()), torch.rand(1)])
    for alone, seen in zip(*ends, strict=True):
        assert torch.equal(alone, seen)


@pytest.fixture
def costly(monkeypatch):
    """A clock that says how long measurements take, each by itself, and how many there were."""
    now, made, costs = [0.0], [], [3.0]
    monkeypatch.setattr(watching.time, "perf_counter", lambda: now[0])
    measure = watching.Measured.__call__

    def slow(self, layers):
        made.append(now[0])
        now[0] += costs[len(made) % len(costs)]
        return measure(self, layers)

    monkeypatch.setattr(watching.Measured, "__call__", slow)
    return now, made, costs


def test_what_watching_costs_stays_within_its_share(tmp_path, costly):
    """By a clock that says how long a measurement takes, 3 s, and a step of the loop, 1 s."""
    now, made, _ = costly
    net, batches, loss = setting()
    with engines.watch(net, batches, loss, file=tmp_path / "run.parquet", share=0.1) as eye:
        for step in range(300):
            now[0] += 1.0
            eye.step(step, loss=1.0)
            assert eye.spent <= 0.1 * eye.elapsed
        assert 0.08 < eye.spent / eye.elapsed and len(made) > 8
    thin = eye.run.recording.thin
    assert thin.steps.tolist()[:4] == [0, 29, 56, 83], (
        "where 3 s more are a tenth, after a row in which nothing is known"
    )
    assert np.isfinite(thin["sharpness"][1:]).all() and np.isnan(thin["sharpness"][0])


def test_measurements_that_take_longer_at_times_are_paid_back(tmp_path, costly):
    now, made, costs = costly
    costs[:] = [1.0, 4.0, 2.0]
    net, batches, loss = setting()
    with engines.watch(net, batches, loss, file=tmp_path / "run.parquet", share=0.1) as eye:
        for step in range(600):
            now[0] += 1.0
            eye.step(step, loss=1.0)
            assert eye.spent <= 0.1 * eye.elapsed + 3.0, "by one measurement that took longer than was thought"
    assert len(made) > 15


def test_a_short_training_is_measured_beside_its_loop_alone(tmp_path, costly):
    now, made, _ = costly
    net, batches, loss = setting()
    with engines.watch(net, batches, loss, file=tmp_path / "run.parquet") as eye:
        ready = len(made)
        for step in range(20):
            now[0] += 1.0
            eye.step(step, loss=1.0)
        assert eye.spent == 0 and len(made) == ready == 2
    assert len(made) == 3 and np.isfinite(eye.run["sharpness"][-1, 0])


@pytest.mark.thorough
def test_a_network_on_digits_is_watched_within_five_hundredths_of_its_processor_time(tmp_path, monkeypatch):
    load_digits = pytest.importorskip("sklearn.datasets").load_digits
    digits = load_digits()
    X, y = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16, torch.tensor(digits.target)
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(288, 10))
    loss, optimizer = torch.nn.CrossEntropyLoss(reduction="none"), torch.optim.SGD(net.parameters(), lr=0.1)
    monkeypatch.setattr(watching.time, "perf_counter", time.process_time)
    where = {"file": tmp_path / "run.parquet", "samples": 128}
    with engines.watch(net, (X, y), loss, optimizer=optimizer, features=["2"], **where) as eye:
        for step in range(1, 20_001):
            rows = torch.randint(len(X), (256,))
            value = loss(net(X[rows]), y[rows]).mean()
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            eye.step(step, loss=value)
            if len(eye.run.recording.thin) == 2:  # an empty row, and the first that was measured
                break
        assert eye.spent <= 0.05 * eye.elapsed + eye.cost / 2, "but for what it took longer than was thought"
        assert len(eye.run.recording.thin) == 2


def test_the_run_is_one_like_any_other(tmp_path):
    net, minibatches, loss = setting()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.5)
    with engines.watch(net, minibatches, loss, optimizer=optimizer, file=tmp_path / "run.parquet", name="mine") as eye:
        for step in range(250):
            eye.step(step, loss=1 / (1 + step), error=torch.tensor(0.5, requires_grad=True))
    again = engines.open(tmp_path / "run.parquet")
    assert again.steps.tolist() == eye.run.steps.tolist() and again.steps[-1] == 249 and len(again) < 200
    for channel in again.engine.channels:
        np.testing.assert_array_equal(again[channel.name], eye.run[channel.name])
    assert again["error"][0, 0] == 0.5 and again["threshold"][-1, 0] == pytest.approx(3 / 0.1)
    assert again.name == "mine" and not again.interrupted and "below the edge" in again.story().text
    assert set(again.to_frame("loss")["channel"]) == {"loss"} and "optimizer" in dict(again.configs[0])
    with pytest.raises(ConfigError, match="taken by its own loop"):
        engines.resume(again, 500)


def test_an_exception_in_the_loop_leaves_an_interrupted_run(tmp_path):
    net, *_ = setting()
    with pytest.raises(RuntimeError, match="boom"), engines.watch(net, file=tmp_path / "run.parquet") as eye:
        eye.step(0, loss=2.0)
        raise RuntimeError("boom")
    run = engines.open(tmp_path / "run.parquet")
    assert (
        run.interrupted and run["loss"].tolist() == [[2.0]] and "sharpness" not in [c.name for c in run.engine.channels]
    )


KILLED = """
import sys, time, torch, engines
net = torch.nn.Linear(3, 2)
with engines.watch(net, file=sys.argv[1], share=1.0) as eye:
    for step in range(10**6):
        eye.step(step, loss=float(step))
        time.sleep(0.01)
"""


@pytest.mark.thorough
def test_a_killed_training_leaves_a_run_that_can_be_read(tmp_path):
    file = tmp_path / "run.parquet"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(file)])
    while not file.exists() or file.stat().st_size == 0:
        time.sleep(0.1)
    first = engines.open(file).steps[-1]
    time.sleep(4)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    run = engines.open(file)
    assert run.interrupted and run.steps[-1] > first
    np.testing.assert_array_equal(run["loss"][:, 0], run.steps)


def test_a_measurement_that_fails_is_a_note_and_the_training_goes_on(tmp_path, time_enough):
    net, minibatches, loss = setting()
    calls = []

    def fails(outputs, target):
        calls.append(1)
        if len(calls) > 20:
            raise RuntimeError("out of memory")
        return loss(outputs, target)

    with engines.watch(net, minibatches, fails, file=tmp_path / "run.parquet", share=1.0) as eye:
        for step in range(20):
            eye.step(step, loss=1.0)
    assert len(eye.run) == 20 and any("out of memory" in note for note in eye.run.notes)
    assert np.isnan(eye.run["sharpness"][-1, 0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda net, b, loss: engines.watch("net"), "'net' is neither a torch.nn.Module nor a Subject"),
        (lambda net, b, loss: engines.watch(net, b), "both, loader= and loss=, or neither"),
        (lambda net, b, loss: engines.watch(net, features=["0"]), "give loader= and loss=, too"),
        (lambda net, b, loss: engines.watch(engines.Subject.of(net, b, loss)), "params= says which module"),
        (lambda net, b, loss: engines.watch(net, b, torch.nn.CrossEntropyLoss()), "one loss a sample|a mean"),
        (lambda net, b, loss: engines.watch(net, share=0), "share=0 is outside its bounds"),
    ],
)
def test_what_cannot_be_watched_is_a_sentence(make, message):
    with pytest.raises(ConfigError, match=message):
        make(*setting())


def test_steps_and_numbers_are_checked(tmp_path):
    with engines.watch(setting()[0], file=tmp_path / "run.parquet") as eye:
        eye.step(3, loss=1.0, accuracy=0.5)
        for step, numbers, message in [
            (3, {}, "step=3 does not come after 3"), (4, {"other": 1.0}, "'other' was not recorded from the first"),
            (5, {"loss": "high"}, "'high' is no number"),
        ]:  # fmt: skip
            with pytest.raises(ConfigError, match=message):
                eye.step(step, **numbers)
        eye.step(6, loss=None)
    assert np.isnan(eye.run["accuracy"][-1, 0])


def test_a_loop_that_tells_of_some_steps_only_has_these_recorded(tmp_path):
    with engines.watch(setting()[0], file=tmp_path / "run.parquet") as eye:
        for step in range(0, 3000, 100):
            eye.step(step, loss=1.0)
    assert eye.run.steps.tolist() == list(range(0, 3000, 100))


def test_checkpoints_that_do_not_fit_are_named(tmp_path):
    net, minibatches, loss = setting()
    subject = engines.Subject.of(net, minibatches, loss)
    with pytest.raises(StoreError, match="holds no checkpoints"):
        engines.inspect(tmp_path, subject)
    with pytest.raises(StoreError, match="nowhere is no folder"):
        engines.inspect(tmp_path / "nowhere", subject)
    save_file({"0.weight": torch.zeros(2, 2)}, tmp_path / "a1.safetensors")
    with pytest.raises(StoreError, match=r"a1.safetensors does not fit 'Sequential': 0.weight has the shape \[2, 2\]"):
        engines.inspect(tmp_path, subject)
    (tmp_path / "a1.safetensors").unlink()
    (tmp_path / "b.safetensors").write_bytes(b"no tensors")
    with pytest.raises(StoreError, match="no readable checkpoint"):
        engines.inspect(tmp_path, subject)


def test_the_run_is_followed_while_its_training_goes_on(tmp_path, monkeypatch):
    from dashboard.session.session import Session
    from engines.core.live import follower
    from engines.core.runs.experiment import Experiment
    from engines.core.watch.watch import store_run

    monkeypatch.setattr(follower, "PERIOD", 0.0)
    file = tmp_path / "run.parquet"
    with engines.watch(setting()[0], file=file) as eye:
        eye.step(0, loss=1.0)
        eye.run.interrupted = True  # as a run is stored on the way
        store_run(eye.run, file)
        run = follower.FollowedRun.read(file)
        session = Session(run.engine)
        session.start(Experiment.from_run(run), run)
        follower_of_run = session.runner
        assert follower_of_run.status.playing and len(session.runner.run) == 1
        eye.step(1, loss=0.5)
        store_run(eye.run, file)
        os.utime(file, ns=(time.time_ns() + 10**9, time.time_ns() + 10**9))
        assert session.view_context().step == 1 and session.runner.run["loss"][-1, 0] == 0.5
        with pytest.raises(ConfigError, match="taken by its own loop"):
            session.reset()
        session.step(1)
        assert "taken by its own loop" in session.runner.status.refusal and len(session.runner.run) == 2
    os.utime(file, ns=(time.time_ns() + 3 * 10**9, time.time_ns() + 3 * 10**9))
    assert not session.runner.status.playing
    file.unlink()
    assert session.runner.status.step == 1, "what was read stays"
