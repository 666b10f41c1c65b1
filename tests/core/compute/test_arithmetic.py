"""A computation leaves the thread's arithmetic as it was, wherever an interrupt ends it."""

import sys

import pytest
import torch

from engines.core.api import simulate
from engines.core.compute.arithmetic import restored
from engines.core.numerics import lapack
from engines.core.runs.run import Run
from tests.core.toy import ENGINE, Toy


@pytest.fixture(autouse=True)
def as_it_was():
    threads = torch.get_num_threads()
    yield
    torch.set_grad_enabled(True)
    torch.set_flush_denormal(False)
    torch.set_num_threads(threads)


def interrupted(compute, at):
    """Compute, with an interrupt as the function number `at` is entered; returns how many were."""
    entered = 0

    def count(frame, event, argument):
        nonlocal entered
        entered += event == "call"
        if event == "call" and entered == at:
            sys.setprofile(None)
            raise KeyboardInterrupt

    sys.setprofile(count)
    try:
        compute()
    except KeyboardInterrupt:
        assert at
    finally:
        sys.setprofile(None)
    return entered


def flushes():
    return float(torch.tensor(5e-324, dtype=torch.float64) * 1) == 0


def places(compute):
    """Every place at which a signal can arrive."""
    compute()
    return range(1, interrupted(compute, 0) + 1)


def test_an_interrupt_anywhere_in_a_run_leaves_gradients_and_subnormal_numbers_as_they_were():
    def run():
        simulate(Run(ENGINE, [Toy()]), 2)

    for at in places(run):
        interrupted(run, at)
        assert torch.is_grad_enabled() and not flushes(), at


def test_an_interrupt_anywhere_in_what_a_probe_computes_does_too():
    @restored
    def probe():
        with torch.no_grad():
            lapack.eigvalsh(torch.eye(3))

    torch.set_num_threads(2)
    for at in places(probe):
        interrupted(probe, at)
        assert torch.is_grad_enabled() and torch.get_num_threads() == 2, at
