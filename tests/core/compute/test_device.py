import re

import numpy as np
import pytest
import torch

from engines.core.compute import device as devices
from engines.core.protocol.errors import ConfigError


@pytest.mark.parametrize("name", ["tpu", "", "cpu:", "cpu:7", "cpu:x", "cuda:-1", "cpu:٠", "cpu:0:0", "CPU", None, 0])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(name):
    with pytest.raises(ConfigError, match=rf"device={name!r} is not present here; present: .*cpu"):
        devices.resolve(name)


@pytest.mark.parametrize("name", ["cpu", "cpu:0", "cpu:00", torch.device("cpu"), torch.device("cpu", 0)])
def test_a_device_may_be_one_of_torch_s_own(name):
    assert devices.resolve(name).type == "cpu"


def test_a_run_computed_elsewhere_is_repeated_on_the_processor():
    assert devices.resolve_or_cpu("tpu") == devices.resolve_or_cpu("cpu") == torch.device("cpu")


def test_the_processor_is_always_present_and_auto_takes_the_best():
    assert devices.resolve("cpu") == torch.device("cpu")
    assert devices.resolve("auto").type == devices.available()[0] != "mps"
    assert "cpu" in devices.available()


def test_a_kind_of_gpu_that_was_never_tested_is_not_taken_by_itself(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert "mps" in devices.available()
    assert devices.resolve("auto").type != "mps"


def test_a_transfer_brings_the_values_to_the_host():
    sent = devices.Transfer({"x": torch.arange(3.0), "n": torch.tensor([1, 2])})
    np.testing.assert_array_equal(sent.result()["x"], [0, 1, 2])


@pytest.mark.gpu
def test_an_asynchronous_transfer_carries_the_values_of_the_moment_it_was_sent():
    source = torch.arange(1_000_000, dtype=torch.float64, device="cuda")
    sent = devices.Transfer({"x": source * 2})
    source.zero_()
    np.testing.assert_array_equal(sent.result()["x"], 2 * np.arange(1_000_000.0))


def test_devices_are_described_by_what_they_are_and_how_much_is_free(monkeypatch):
    host, *others = devices.describe_devices()
    assert host.name == "cpu" and re.fullmatch(r"CPU, [\d.]+ of [\d.]+ GiB free", host.text)
    assert len(others) == torch.cuda.device_count() + torch.backends.mps.is_available()
    gpus = {"is_available": lambda: True, "device_count": lambda: 2, "get_device_name": lambda i: f"GPU {i}",
             "mem_get_info": lambda i: (3 * devices.GIB, 8 * devices.GIB)}  # fmt: skip
    for name, value in gpus.items():
        monkeypatch.setattr(torch.cuda, name, value)
    found = [one for one in devices.describe_devices() if one.name.startswith("cuda")]
    assert [tuple(one) for one in found] == [(f"cuda:{i}", f"GPU {i} (cuda:{i}), 3.0 of 8.0 GiB free") for i in (0, 1)]
    assert all(str(devices.resolve(one.name)) == one.name for one in found)
