"""What is drawn and not grey is held by the run, over random knobs: within the factors that the label states."""

import numpy as np
import pytest

from engines.core.protocol.errors import ConfigError
from engines.subgradient_recovery.config import SubgradientRecovery
from engines.subgradient_recovery.predictions import HOPPING, LATE, RANGES, ROUNDED, SHIFTED, predictions, within
from tests.subgradient_recovery.setting import ran

ROUNDING = 1e-13
"""Of an error or a gap: both curves count as this where they are below."""


def log_uniform(stream, low, high):
    return float(np.exp(stream.uniform(np.log(low), np.log(high))))


def drawn(stream):
    """Knobs from bound to bound, as far as a run of a second allows."""
    p = float(stream.choice([0, 0.1, 0.2, 0.3, 0.5, 0.7, stream.uniform(0, 0.95)]))
    d = int(stream.integers(3, 31))
    r = int(stream.integers(1, min(5, d) + 1))
    alpha = 10 ** float(stream.choice([stream.uniform(-3, 1), stream.uniform(-12, -2), stream.uniform(-40, -8)]))
    usual = max(0.7 * np.log(1 / alpha) + 1, 2.0)
    knobs = {
        "d": d, "r": r, "k": int(stream.choice([r, d, stream.integers(r, d + 1)])), "outlier_fraction": p,
        "m": int(min(max(log_uniform(stream, 1, 60) * d * r / (1 - p), 10), 3000)), "alpha": alpha,
        "kappa": float(stream.choice([1, log_uniform(stream, 1, 6), log_uniform(stream, 1, 100)])),
        "noise": float(stream.choice([0, 0, log_uniform(stream, 1e-3, 10)])),
        "eta0": float(stream.choice([0.15, log_uniform(stream, 0.01, 1)])),
        "outlier_kind": str(stream.choice(["gaussian", "cauchy", "uniform", "constant", "sign_flip"])),
        "outlier_scale": log_uniform(stream, 0.1, 1e5), "seed": int(stream.integers(1000)),
        "budget": float(stream.choice([0, log_uniform(stream, 0.7, 5) * usual])),
        "init": str(stream.choice(["spectral", "spectral", "random", "truncated", "truth"])),
        "method": str(stream.choice(["subgm", "subgm", "subgm", "subgm_frozen", "subgm_loss"])),
    }  # fmt: skip
    knobs |= {"precision": str(stream.choice(["fp64", "fp64", "fp32"]))}
    knobs["outlier_scale"] *= stream.random() > 0.1
    if knobs["method"] == "subgm_loss":
        knobs |= {"outlier_fraction": 0.0, "noise": 0.0}
    return knobs


def configurations(seed, count):
    """Configurations with at least one line that is not grey."""
    stream, found = np.random.default_rng(seed), []
    while len(found) < count:
        try:
            config = SubgradientRecovery(**drawn(stream))
        except ConfigError:
            continue
        if any(not line.broken and line.channel == "relative_error" for line in predictions(config, np.arange(3))):
            found.append(config)
    return found


def misses(config, steps):
    """The lines of a configuration that its run leaves: how far below and above, and where."""
    run, found = ran(steps, config), []
    smooth = config.method == "subgm_loss"
    late = LATE if smooth else SHIFTED
    shifted = [predictions(config, run.steps * by) for by in (1 - late, 1.0, 1 + late)]
    for lines in zip(*shifted, strict=True):
        line = lines[1]
        if line.broken:
            continue
        observed, values = run.curve(line.channel, 0)
        values = values if line.component is None else values[:, line.component]
        allowed = (0.0, 1 + 1e-9) if line.kind == "upper" else RANGES.get(line.channel, (1 - 1e-9, 1 + 1e-9))
        predicted = lines if line.kind == "law" else [line]
        expected = np.array([one.values[np.isin(run.steps, observed)] for one in predicted])
        low, high = np.maximum(expected.min(0), ROUNDING), np.maximum(expected.max(0), ROUNDING)
        values = np.maximum(values, ROUNDING)
        below, above = values < allowed[0] * low, values > allowed[1] * high
        if line.kind == "law" and line.channel in HOPPING and not smooth:
            below, above = hopped(below), (hopped(above) if line.channel in ("phi", "deviation") else above)
        out = below | above
        if out.any():
            below, above = np.nanmin(values / low), np.nanmax(values / high)
            found.append((line.channel, line.kind, float(below), float(above), int(observed[out.argmax()])))
    return found


def hopped(out):
    """Where five recorded steps in a row are out: an error that is by chance near zero does not stay there.

    It may be so at every second step, and few steps are recorded late in a run.
    """
    padded = np.pad(out, 2)
    return np.all([padded[by : by + len(out)] for by in range(5)], axis=0)


def test_a_line_that_is_not_grey_is_met_from_the_first_step_to_the_last():
    assert [(dict(one), said) for one in configurations(1, 5) if (said := misses(one, 500))] == []


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(100, 105))
def test_a_line_that_is_not_grey_is_met_over_many_random_knobs(seed):
    assert [(dict(one), said) for one in configurations(seed, 12) if (said := misses(one, 1500))] == []


def test_every_line_says_how_near_it_is():
    loss = SubgradientRecovery(method="subgm_loss", outlier_fraction=0.0)
    for one, how in ((SubgradientRecovery(), ()), (loss, (LATE, ()))):
        lines = [line for line in predictions(one, np.arange(5)) if line.kind == "law" and line.channel in RANGES]
        assert lines and all(within(line.channel, *how) in line.label for line in lines)


def line(config, channel, kind="law"):
    return next(one for one in predictions(config, np.arange(1500)) if (one.channel, one.kind) == (channel, kind))


def test_the_bound_on_the_residual_holds_at_the_start():
    """It was 4 % and .3 % exceeded there: the start's own eigenvalue and angle count, not those of its mean."""
    few = {"d": 8, "r": 1, "k": 4, "m": 107, "outlier_fraction": 0.1, "alpha": 4e-7,
           "outlier_kind": "cauchy", "outlier_scale": 68.6, "eta0": 0.017, "seed": 433}  # fmt: skip
    many = {"d": 10, "k": 8, "m": 2113, "outlier_fraction": 0.46, "alpha": 1e-11,
            "outlier_kind": "const", "outlier_scale": 8.9, "seed": 750}  # fmt: skip
    for knobs in (few, many):
        one = SubgradientRecovery(**knobs)
        bound = line(one, "residual_norm", "upper").values[0]
        assert 0.5 * bound < float(ran(1, one)["residual_norm"][0, 0]) <= bound * (1 + 1e-9)


@pytest.mark.parametrize(
    ("knobs", "channel", "why"),
    [
        ({"r": 4, "alpha": 1e-38, "method": "subgm_frozen", "outlier_fraction": 0.0}, "signal_min", "wait so long"),
        (
            {"outlier_fraction": 0.7, "outlier_scale": 0.65, "r": 1, "k": 1, "m": 945},
            "phi",
            "the noise of 945 measurements",
        ),
        ({"outlier_fraction": 0.7, "k": 2, "m": 1900}, "relative_error", "too near the noise"),
        ({"d": 4, "k": 2}, "deviation", "no edge"),
    ],
)
def test_what_cannot_be_promised_is_grey_and_says_why(knobs, channel, why):
    small = {"d": 17, "k": 4, "m": 1204, "seed": 556}
    assert why in line(SubgradientRecovery(**(small | knobs)), channel).broken


PULLED = {"d": 2, "r": 1, "m": 3000, "outlier_fraction": 0.2, "alpha": 1e-3, "kappa": 1.01, "eta0": 0.3}
ENDED = [
    {"k": 1, "noise": 1e-3, "outlier_scale": 1e6, "outlier_kind": "constant", "method": "subgm_frozen", "seed": 155940},
    {"k": 1, "noise": 1e-3, "outlier_scale": 0.0, "outlier_kind": "constant", "init": "random", "seed": 68465},
    {"d": 18, "k": 1, "m": 172, "outlier_fraction": 0.1, "outlier_scale": 0.0, "outlier_kind": "constant",
     "init": "random", "alpha": 0.0032151410585223097, "kappa": 64.08336687022819, "eta0": 0.15, "seed": 178},
    {"k": 2, "precision": "fp32", "outlier_scale": 0.0, "outlier_kind": "cauchy", "init": "random", "seed": 250152},
]  # fmt: skip


@pytest.mark.parametrize("knobs", ENDED)
def test_no_line_goes_on_where_noise_or_rounding_ends_the_run(knobs):
    """Lines of the pull did, down to four errors of the fit, or at full height; one of the error did to 1e-12."""
    assert misses(SubgradientRecovery(**{**PULLED, **knobs}), 1200) == []


def test_nothing_is_drawn_of_the_sub_gradient_where_rounding_decides():
    one = SubgradientRecovery(d=8, k=2, m=600, alpha=1e-2, outlier_fraction=0.0)
    whole = line(one, "relative_error").values
    assert (np.isfinite(line(one, "phi").values) == (whole > ROUNDED["fp64"])).all() and whole[-1] < 1e-12
