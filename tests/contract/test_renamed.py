"""Links, stored runs, commands and scripts of earlier versions name knobs and choices as they did: all still open."""

import base64
import json
import zlib

import pyarrow.parquet as pq
import pytest

import engines
from dashboard.session import link
from dynascope.flags import parser
from engines.core.commands.run import run
from engines.core.protocol.errors import ConfigError, UnknownName
from engines.core.runs.experiment import Experiment

# For each engine: values by the names of an earlier version, what varied over members, and both as they read today.
EARLIER = {
    "matrix_sensing": (
        {"init_norm": "1", "grad_factor": 1, "method": "one_step", "lift": "low"},
        {"trigger": ["hand", "true"]},
        {"init_variance": "1", "gradient_factor": 1, "method": "one_step", "lift": "below_beta"},
        {"trigger": ["manual", "true"]},
    ),
    "neural_collapse": (
        {"h0": "gaussian", "epsilon": 0.2},
        {"lambda_w": [0.3, 0.4]},
        {"init": "gaussian", "epsilon": 0.2},
        {"lambda_w": [0.3, 0.4]},
    ),
    "subgradient_recovery": (
        {"delta": 0.7, "trim": 0.1, "cut": 2.0, "ratio": 0.1},
        {"outlier_kind": ["gauss", "const", "signflip", "cauchy"]},
        {"huber_delta": 0.7, "trim_fraction": 0.1, "median_threshold": 2.0, "learning_rate_ratio": 0.1},
        {"outlier_kind": ["gaussian", "constant", "sign_flip", "cauchy"]},
    ),
    "loss_landscape": (
        {"subject": "digits", "start": "he", "own_activation": "tanh", "batch": 8},
        {"seed": [3, 4]},
        {"subject": "digits", "init": "he", "network_activation": "tanh", "batch_size": 8},
        {"seed": [3, 4]},
    ),
    "optimizer_dynamics": (
        {"scene": "quadratic", "batch": 8},
        {"seed": [3, 4]},
        {"scene": "quadratic", "batch_size": 8},
        {"seed": [3, 4]},
    ),
}

each = pytest.mark.parametrize("name", EARLIER)


def names(name):
    """Today's names of the knobs of an engine, by their names of earlier versions."""
    knobs = engines.load(name).Config.knobs().values()
    return {old: knob.name for knob in knobs for old in knob.old_names}


def dated(name, values):
    """Values under the names, and with the choices, of an earlier version."""
    knobs, found = engines.load(name).Config.knobs(), dict(values)
    for old, today in names(name).items():
        found[old] = found.pop(today)
    for knob in knobs.values():
        for old, today in knob.old_values.items():
            found = {key: old if key == knob.name and value == today else value for key, value in found.items()}
    return found


def today(name):
    _, _, fixed, spread = EARLIER[name]
    return Experiment.from_preset(engines.load(name), set=fixed | spread, steps=5)


def token(about):
    """A link as it was written by hand."""
    text = json.dumps({"version": link.VERSION, "experiment": json.dumps(about), "view": {"hide": list(about["base"])}})
    return base64.urlsafe_b64encode(zlib.compress(text.encode())).decode().rstrip("=")


@each
def test_a_link_of_an_earlier_version_opens_with_the_names_of_today(name):
    fixed, spread, *_ = EARLIER[name]
    first = {knob: values[0] for knob, values in spread.items()}
    about = {"engine": name, "base": fixed | first, "axes": spread, "cases": [{}], "steps": 5, "preset": None}
    experiment, view = link.decode(token(about), engines.load(name))
    assert experiment.configs() == today(name).configs()
    assert {knob: list(values) for knob, values in experiment.axes.items()} == EARLIER[name][3]
    assert set(view.hide) == {*EARLIER[name][2], *spread}


@each
def test_cases_of_an_earlier_version_are_read_too(name):
    fixed, spread, *_ = EARLIER[name]
    (knob, values), *_ = spread.items()
    about = {"engine": name, "base": {}, "axes": {}, "cases": [fixed | {knob: one} for one in values], "steps": 5}
    experiment = Experiment.from_json(engines.load(name), json.dumps(about))
    assert experiment.configs() == today(name).configs()


@each
def test_a_script_of_an_earlier_version_runs(name):
    fixed, spread, *_ = EARLIER[name]
    assert Experiment.from_preset(engines.load(name), set=fixed | spread, steps=5) == today(name)
    (knob, values), *_ = spread.items()
    cases = [fixed | {knob: one} for one in values]
    assert Experiment.from_preset(engines.load(name), cases=cases, steps=5).configs() == today(name).configs()
    config = engines.load(name).Config(**{knob: values[0]})
    assert config.replace(**fixed | {knob: values[1]}) == today(name).configs()[1]


@each
def test_a_command_of_an_earlier_version_runs(name, capsys):
    fixed, spread, *_ = EARLIER[name]
    (knob, values), *_ = spread.items()
    words = [f"{n}={v}" for n, v in fixed.items()] + [f"{knob}={','.join(map(str, values))}"]
    flags = [flag for word in words for flag in ("--set", word)]
    print(run(parser().parse_args(["run", name, "--steps", "2", "--json", *flags])))
    members = json.loads(capsys.readouterr().out)["members"]
    assert [member["config"] for member in members] == [
        json.loads(config.to_json()) for config in today(name).configs()
    ]


def test_a_stored_run_of_an_earlier_version_opens(tmp_path):
    name = "subgradient_recovery"
    run = engines.run(name, set={"outlier_kind": ["constant", "sign_flip"], "d": 6, "k": 6, "m": 40}, steps=5)
    run.save(tmp_path / "run.parquet")
    table = pq.read_table(tmp_path / "run.parquet")
    about = json.loads(table.schema.metadata[b"dynascope"])
    for part in ("configs", "openings"):
        about[part] = [dated(name, values) for values in about[part]]
    assert [values["outlier_kind"] for values in about["openings"]] == ["const", "signflip"]
    assert not set(names(name).values()) & set(about["openings"][0])
    pq.write_table(table.replace_schema_metadata({"dynascope": json.dumps(about)}), tmp_path / "earlier.parquet")
    again = engines.open(tmp_path / "earlier.parquet")
    assert again.configs == run.configs
    assert again.summary() == run.summary()
    assert again.where(outlier_kind="signflip") == [1]


@each
def test_a_name_of_an_earlier_version_is_taken_by_no_knob_of_today(name):
    kind = engines.load(name).Config
    assert not set(names(name)) & set(kind.knobs())
    for knob in kind.knobs().values():
        assert not set(knob.old_values) & set(knob.choices or ())
        assert set(knob.old_values.values()) <= set(knob.choices or ())


def test_what_no_version_knew_is_refused_still():
    engine = engines.load("subgradient_recovery")
    with pytest.raises(UnknownName, match="gradient"):
        Experiment.from_preset(engine, set={"gradient": 1})
    with pytest.raises(ConfigError, match="outlier_kind='gaus' is not one of gaussian, cauchy"):
        Experiment.from_preset(engine, set={"outlier_kind": "gaus"})
    assert Experiment.from_preset(engine, set={"cut": 5.0, "median_threshold": 2.0}).base.median_threshold == 2.0
