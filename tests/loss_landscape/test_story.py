"""What the text says, at both ends of the main sliders, against the run that it is about."""

import re

import numpy as np
import pytest

import engines

ENGINE = engines.load("loss_landscape")
SMALL = {"subject": "addition", "modulus": 7, "embedding": 6, "width": 16, "train_fraction": 0.8}


def told(steps, **knobs):
    run = engines.run("loss_landscape", set=knobs, steps=steps)
    return run, run.story(0).text


@pytest.mark.parametrize("learning_rate", [1e-7, 3e-2])
@pytest.mark.parametrize("weight_decay", [0.0, 3.0])
def test_what_a_network_has_learned_is_what_its_accuracies_say(learning_rate, weight_decay):
    run, text = told(300, **SMALL, learning_rate=learning_rate, weight_decay=weight_decay)
    seen, unseen = (run[name][:, 0] for name in ("accuracy", "test_accuracy"))
    assert ("had memorised" in text) == bool((seen > 0.99).any())
    assert ("and generalised" in text) == bool((unseen > 0.95).any() and (seen > 0.99).any())
    assert f"**{seen[-1]:.1%}**" in text and f"**{unseen[-1]:.1%}**" in text
    counts = run["effective_parameters"][:, 0]
    assert f"**{counts.max():.0f}** at the most; it sees **{counts[-1]:.0f}** now" in text


def test_a_network_that_has_left_the_numbers_has_diverged():
    run, text = told(500, subject="linear", corner=False, samples=50, optimizer="sgd", learning_rate=10.0)
    assert run.diverged_at[0] >= 0
    assert "diverged" in text


@pytest.mark.parametrize("strength", [1e-3, 0.5, 1.0, 3.0, 1e8])
def test_two_weights_count_as_the_text_says_below_and_above_the_level(strength):
    run, text = told(200, subject="potential", potential="box", optimizer="langevin", chains=1024, strength=strength)
    value = 2 * run["llc"][-1, 0]
    assert ("all of the box lies below" in text) == (value < 1e-9)
    measured, law = map(float, re.findall(r"\*\*([\d.e-]+)\*\* parameters?, by theory ([\d.e-]+)\.", text)[0])
    assert measured == pytest.approx(value, rel=1e-3)
    assert law == pytest.approx(value, abs=4 * 2 * run["llc_error"][-1, 0] + 1e-3)


@pytest.mark.parametrize("kappa", [1e-2, 0.5, 3.9, 4.0])
def test_theory_in_the_text_is_within_five_per_cent_or_left_out(kappa):
    run, text = told(900, subject="potential", potential="quadratic", inputs=4, optimizer="langevin", kappa=kappa,
                     n_beta=10.0, burn_in=400, chains=256)  # fmt: skip
    value, error = run["llc"][-1, 0], run["llc_error"][-1, 0]
    named = r"(?:half the effective parameters[^:;]*|step size): (\d[\d.e+]*?)(?:;|\.\s)"
    laws = [float(one) for one in re.findall(named, text)]
    assert ("diverged" in text) == (run.diverged_at[0] >= 0)
    for law in laws:
        assert value == pytest.approx(law, rel=0.05, abs=4 * error)
    assert bool(laws) == (kappa < 4)


def test_weights_that_decay_to_nothing_are_told_and_leave_no_gap_in_a_curve():
    run, text = told(1500, **SMALL, learning_rate=0.02, weight_decay=20.0)
    norms = run["weight_norm"][:, 0]
    assert norms[-1] < 1e-60 * norms[0]
    assert "**Weight decay has taken the weights**" in text
    for name in ("loss", "effective_parameters", "soft_count", "slice", "fourier", "rank_activations"):
        assert np.isfinite(run[name]).all(), name
    assert run["effective_parameters"][-1, 0] == 0
    assert run["loss"][-1, 0] == pytest.approx(np.log(7))


def test_weights_that_stay_are_not_told_to_have_gone():
    assert "has taken the weights" not in told(300, **SMALL, learning_rate=0.02, weight_decay=1.0)[1]
