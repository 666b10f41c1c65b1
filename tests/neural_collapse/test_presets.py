"""The verdicts on seeds that nobody tuned to; the contract suite checks them on the presets' own."""

import json

import pytest

import engines
from engines.cli import to_json
from engines.core.errors import ConfigError

ENGINE = engines.load("neural_collapse")


@pytest.mark.slow
@pytest.mark.parametrize("name", [preset.name for preset in ENGINE.presets])
def test_every_verdict_holds_on_a_fresh_seed(name):
    run = engines.run("neural_collapse", preset=name, seeds=[90_001])
    assert run.verdicts
    assert [verdict for verdict in run.verdicts if not verdict["holds"]] == []


@pytest.mark.slow
def test_the_digits_table_is_met_to_its_last_digit():
    """Seed 0: trace ratio, NC1 and NC2 of the simplex at twelve settings, to half a unit of the last digit printed."""
    pytest.importorskip("sklearn")
    from engines.neural_collapse.verdicts.layers import TABLE

    run = engines.run("neural_collapse", preset="P8")
    for i, one in enumerate(run.configs):
        expected = TABLE[one.lambda_w, one.beta]
        for name, value in zip(("nc1_trace", "nc1", "nc2_etf"), expected, strict=True):
            digit = 10.0 ** (-len(f"{value:.10f}".rstrip("0").partition(".")[2]))
            assert run[name][-1, i] == pytest.approx(value, abs=1.01 * digit), (one.lambda_w, one.beta, name)


def test_a_verdict_waits_until_the_run_can_tell():
    for name in ("P0", "P1", "P3", "P5"):
        run = engines.run("neural_collapse", preset=name, steps=10)
        assert {verdict["holds"] for verdict in run.verdicts} == {None}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("P0", {"epsilon": 5.0}),
        ("P4", {"epsilon": [3.0, 0.1, 0.09, 0.08]}),
        ("P6", {"epsilon": 1.0}),
        ("P12", {"lambda_w": 0.5}),
    ],
)
def test_a_wrong_claim_is_not_confirmed(name, change):
    """Settings outside those of the claims: at least one must fail."""
    run = engines.run("neural_collapse", preset=name, set=change)
    assert not all(verdict["holds"] for verdict in run.verdicts)


@pytest.mark.parametrize(
    ("knobs", "probe", "word"),
    [
        ({"per_class": 100}, "staircase", "lower per_class"),
        ({"model": "network", "epochs": 1, "width": 12}, "staircase", "free features"),
        ({"model": "network", "epochs": 1, "width": 12}, "decay", "free features"),
        ({"h0": "collapsed", "per_class": 1}, "decay", "no spread"),
    ],
)
def test_what_a_probe_cannot_show_is_refused_with_a_reason(knobs, probe, word):
    run = engines.run("neural_collapse", set=knobs, steps=2)
    with pytest.raises(ConfigError, match=word):
        run.probe(probe)


def test_far_from_collapse_the_decay_of_features_does_nothing_yet():
    """The probe: the rate of the trace ratio is flat in lambda_H to 1e-10, and not in lambda_W."""
    run = engines.run("neural_collapse", preset="P2", steps=5)
    found = run.probe("decay")
    assert abs(found["over_lambda_h"] / found["over_lambda_h"][0] - 1).max() < 1e-10
    assert abs(found["over_lambda_w"] / found["over_lambda_w"][12] - 1).max() > 0.1
    assert (found["over_lambda_w"] < 0).all()
    json.loads(to_json(found))


def test_the_probe_of_the_staircase_agrees_with_its_formula():
    run = engines.run("neural_collapse", preset="P1", steps=2)
    found = run.probe("staircase", member=3)
    assert abs(found["singular_value"] - found["predicted"]).max() < 1e-12
    assert found["crosstalk"] == pytest.approx(1.8657e-3, abs=1e-7)
