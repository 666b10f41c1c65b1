import errno
import json
import shlex
import subprocess
import sys
import types

import numpy as np
import pytest

import engines
import launch
from engines.core import api
from engines.core.commands import catalogue, run
from engines.core.files import store
from engines.core.protocol import registry
from engines.core.protocol.errors import EngineFailure
from tests.conftest import ROOT
from tests.core import toy
from tests.core.toy import ENGINE, ToyEngine


@pytest.fixture(autouse=True)
def toy_is_an_engine(monkeypatch):
    def load(name):
        if name == "broken":
            raise EngineFailure("the engine 'broken' cannot be loaded (RuntimeError: no);\nthe others are unaffected")
        return ENGINE if name == "toy" else registry.load(name)

    monkeypatch.setattr(run, "load", load)
    monkeypatch.setattr(catalogue, "load", load)
    monkeypatch.setattr(catalogue, "names", lambda: ["broken", "toy"])
    monkeypatch.setattr(store, "load", load)


@pytest.fixture
def command(capsys):
    """Run one command in this process: (exit status, stdout, stderr)."""

    def call(line):
        try:
            status = launch.main(shlex.split(line))
        except SystemExit as left:
            status = left.code
        return status, *capsys.readouterr()

    return call


def test_run_prints_one_json_object(command):
    status, out, _ = command("run toy --set a=1,2 --set eta=0.2 --seeds 0,1 --steps 300 --json")
    about = json.loads(out)
    assert status == 0
    assert out.count("\n") == 1
    assert set(about) == {"engine", "steps", "members", "verdicts"}
    assert (about["engine"], about["steps"], len(about["members"])) == ("toy", 300, 4)
    assert set(about["members"][0]) == {"config", "status", "diverged_at", "final"}
    assert [member["config"]["a"] for member in about["members"]] == [1, 1, 2, 2]


def test_a_preset_brings_its_verdicts(command):
    _, out, _ = command("run toy --preset first --json")
    about = json.loads(out)
    assert set(about["verdicts"][0]) == {"claim", "measured", "predicted", "tolerance", "holds", "kind", "reason"}
    assert about["steps"] == 50


def test_numbers_that_are_not_finite_are_null(command, monkeypatch):
    observe = ToyEngine.observe

    def nan(self, *arguments):
        values = observe(self, *arguments)
        return values | {"loss": values["loss"] * float("nan")}

    monkeypatch.setattr(ToyEngine, "observe", nan)
    _, out, _ = command("run toy --preset first --json")
    about = json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert about["members"][0]["final"]["loss"] is None
    assert about["verdicts"][0]["measured"] is None


def test_a_diverged_member_is_reported_and_not_an_error(command):
    status, out, _ = command("run toy --set a=1,100 --set eta=1 --set flat=yes --json")
    assert status == 0
    assert [member["diverged_at"] for member in json.loads(out)["members"]] == [None, 16]
    assert "diverged at 16" in command("run toy --set a=1,100 --set eta=1 --set flat=yes")[1]


def test_without_json_there_is_a_table_of_what_varies_and_the_verdicts(command):
    _, out, _ = command("run toy --preset first")
    heads = out.splitlines()[2].split()
    assert heads == ["member", "a", "seed", "status", "loss", "rare"]
    assert "the loss falls" in out


def test_a_log_gets_no_progress_bar(command):
    assert command("run toy --json")[2] == command("run toy --json --quiet")[2] == ""
    assert command("probe toy norm --steps 10 --quiet")[2] == ""


def test_a_terminal_gets_a_progress_bar_on_stderr(command, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    _, out, err = command("run toy --json")
    assert "1000/1000" in err and "1000/1000" not in out
    assert command("run toy --json --quiet")[2] == ""


def test_out_writes_a_run_that_can_be_read(command, tmp_path):
    status, _, _ = command(f"run toy --seeds 0,1 --out '{tmp_path}/run.parquet'")
    assert status == 0
    assert store.read(tmp_path / "run.parquet").steps[-1] == 1000


def test_probe_computes_one_observable_of_one_member(command, tmp_path):
    target = tmp_path / "probe.json"
    status, out, _ = command(f"probe toy norm --seeds 0,1 --member 1 --steps 10 --json --out '{target}'")
    assert status == 0
    about = json.loads(out)
    assert (about["probe"], about["member"], about["step"]) == ("norm", 1, 10)
    assert about["values"]["norm"] > 0
    assert json.loads(target.read_text()) == about
    assert command("probe toy norm --steps 10")[1].startswith("norm  ")


def test_a_probe_is_computed_at_the_step_asked_for(command):
    late, early = (json.loads(command(f"probe toy norm --steps 10 --step {n} --json")[1]) for n in (10, 3))
    assert json.loads(command("probe toy norm --steps 3 --json")[1]) == early
    assert (early["step"], late["step"]) == (3, 10)
    assert early["values"]["norm"] > late["values"]["norm"]


def test_options_reach_the_probe_as_numbers(command):
    plain = json.loads(command("probe toy norm --steps 3 --json")[1])
    about = json.loads(command("probe toy norm --steps 3 --option scale=2e1 --option power=1 --json")[1])
    assert about["options"] == {"scale": 20.0, "power": 1}
    assert about["values"]["norm"] > 20 * plain["values"]["norm"]


def test_a_caution_is_noted_once_a_sentence_before_the_run(command, monkeypatch):
    monkeypatch.setattr(ToyEngine, "caution", lambda self, config: "a is large." if config.a > 1 else "")
    _, out, err = command("run toy --set a=1,2,3 --json")
    assert err.startswith("note: a is large. (2 of 3 members)\n")
    assert err.count("note:") == 1
    assert "note" not in out
    assert command("run toy --set a=2,3")[2].startswith("note: a is large.\n")
    assert "note" not in command("run toy")[2]


def test_list_shows_presets_knobs_and_probes_and_the_message_of_a_broken_engine(command):
    status, out, _ = command("list")
    assert status == 0
    assert "the engine 'broken' cannot be loaded" in out
    for word in ("first", "First", "eta", "step size", "live", "[0, 10]", "plus|minus", "norm of x scale=1.0 power=2"):
        assert word in out


def test_list_as_json_describes_every_knob(command):
    broken, toy = json.loads(command("list --json")[1])["engines"]
    assert "cannot be loaded" in broken["failure"]
    assert [knob["name"] for knob in toy["knobs"]] == list(ENGINE.Config.knobs())
    assert toy["knobs"][2] | {"name": "eta", "role": "live", "type": "float", "bounds": [0, 10]} == toy["knobs"][2]


BAD = {
    "run nope": "unknown engine 'nope'; known:",
    "run broken": "the engine 'broken' cannot be loaded",
    "run toy --preset P9": "unknown preset of toy 'P9'; known: first, cases",
    "run toy --set speed=1": "unknown knob of Toy 'speed'",
    "run toy --set eta=11": "Toy.eta=11.0 is outside its bounds [0, 10]",
    "run toy --set eta=0.1,11": "Toy.eta=11.0 is outside its bounds [0, 10]",
    "run toy --set eta=fast": "eta='fast' is not a finite number",
    "run toy --set eta=": "eta='' is not a finite number",
    "run toy --set eta=nan": "eta='nan' is not a finite number",
    "run toy --set d=2.5": "d='2.5' is not a whole number",
    "run toy --set flat=yes --set sign=minus": "Toy.flat needs sign=plus",
    "run toy --set eta": "'eta' is not of the form name=value",
    "run toy --seeds 1 --set seed=2": "both seeds and values of the knob seed are given: leave one of them out",
    "run toy --seeds 1,2,1": "seed=1 is listed twice",
    "run toy --set etta=1": "unknown knob of Toy 'etta'; did you mean eta?",
    "run toy --set eta=" + "9" * 9000: "999' is not a finite number",
    "run toy --" + "x" * 9000: "unrecognized arguments: --xxx",
    "run toy --device cpu:": "device='cpu:' is not present here",
    "run --resume /nowhere/run.nc --steps 9": "/nowhere/run.nc is not a readable run",
    "run --resume run.csv --steps 9": "cannot read run.csv: its name ends with '.csv'; known are .parquet, .nc",
    "run toy --seeds one": "seed='one' is not a whole number",
    "run toy --seeds=-1": "Toy.seed=-1 is outside its bounds",
    "run toy --steps 0": "steps=0 is outside its bounds [1, 1e+09]",
    "run toy --steps soon": "steps='soon' is not a whole number",
    "run toy --device tpu": "device='tpu' is not present here",
    "run toy --out /dev/null/run.parquet": "cannot write /dev/null/run.parquet",
    "run toy --bogus": "unrecognized arguments: --bogus",
    "run": "the following arguments are required: engine",
    "probe toy hessian": "unknown probe of toy 'hessian'; known: norm",
    "probe toy norm --member 1": "member=1 is outside its bounds [0, 0]",
    "probe toy norm --steps 10 --step 11": "step=11 is outside its bounds [0, 10]",
    "probe toy norm --step soon": "argument --step: 'soon' is not a whole number",
    "probe toy norm --option size=2": "unknown option of norm 'size'; known: scale=1.0, power=2",
    "probe toy norm --option step=2": "unknown option of norm 'step'; known: scale=1.0, power=2",
    "probe toy norm --option power=2.5": "power='2.5' is not a whole number; options of norm: scale=1.0, power=2",
    "probe toy norm --option scale": "'scale' is not of the form name=value",
    "probe toy norm --out /dev/null/p.json": "cannot write /dev/null/p.json",
    "serve --bogus": "unrecognized arguments: --bogus",
    "serve --dev": "unrecognized arguments: --dev",
    "serve page.py": "unrecognized arguments: page.py",
    "serve --num-threads many": "argument --num-threads: invalid int value: 'many'",
    "serve --auth-template /nowhere": "auth-template /nowhere does not exist",
    "desktop nowhere": "unknown engine 'nowhere'",
    "desktop toy --port 1": "unrecognized arguments: --port",
    "serve --port 99999": "'99999' is not a port between 0 and 65535",
    "dance": "invalid choice: 'dance'",
    "": "the following arguments are required",
}


@pytest.mark.parametrize(("line", "message"), BAD.items(), ids=[line[:60] for line in BAD])
def test_bad_input_is_one_clear_line_and_a_status(command, line, message):
    status, out, err = command(line)
    assert status in (1, 2)
    assert out == ""
    assert message in err
    assert err.count("\n") == 1


def test_an_unwritable_file_is_found_before_anything_is_computed(command, monkeypatch):
    monkeypatch.setattr(ToyEngine, "problem", lambda *arguments: pytest.fail("computed"))
    assert command("run toy --out /dev/null/run.parquet")[0] == 1


@pytest.fixture
def served(monkeypatch):
    """What `serve` was called with."""
    from dashboard.server import response_headers, visitors

    calls = []
    dashboard, server = types.ModuleType("dashboard"), types.ModuleType("dashboard.server")
    dashboard.app = types.SimpleNamespace(serve=lambda *given, **options: calls.append((given, options)))
    server.response_headers, server.visitors = response_headers, visitors
    server.serve_options = types.SimpleNamespace(options=lambda parser, words: {"panel": words})
    monkeypatch.setitem(sys.modules, "dashboard", dashboard)
    monkeypatch.setitem(sys.modules, "dashboard.server", server)
    return calls


def test_serve_passes_its_flags_on(command, served):
    assert command("serve --port 8000 --address 0.0.0.0 --no-browser --prefix lab --basic-auth=x")[0] == 0
    assert command("serve")[0] == 0
    assert served == [
        ((8000, "0.0.0.0", False, "auto"), {"panel": ["--prefix", "lab", "--basic-auth=x"]}),
        ((5006, "localhost", True, "auto"), {}),
    ]


TOKENS = {"": "", "--link abs=c": "?s=abs%3Dc", "--link http://a/lab?theme=dark&s=abs%3Dc&x=1": "?s=abs%3Dc"}


@pytest.mark.parametrize(("flags", "query"), TOKENS.items(), ids=str)
def test_desktop_opens_a_lab_with_what_a_link_holds(command, served, flags, query):
    sys.modules["dashboard"].desktop = types.SimpleNamespace(launch=lambda *given: served.append(given))
    assert command(f"desktop matrix_sensing {flags}")[0] == 0
    assert served == [(f"/matrix_sensing{query}", "auto")]


def test_a_port_that_is_taken_is_one_line(command, served, monkeypatch):
    def taken(*given):
        raise OSError(errno.EADDRINUSE, "Address already in use")

    monkeypatch.setattr(sys.modules["dashboard"].app, "serve", taken)
    assert command("serve") == (1, "", "launch.py: cannot serve at localhost:5006: Address already in use\n")


LEAVING = """
import os, signal, sys, threading
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores interrupts
import launch
from engines.core.commands import run
class Interrupting(run.ProgressBar):
    def __call__(self, step, steps):
        if step == 5000:
            os.kill(os.getpid(), signal.SIGINT)
run.ProgressBar = Interrupting
sys.exit(launch.main(sys.argv[1:]))
"""


def test_an_interrupt_leaves_quietly_with_status_130_and_keeps_what_was_recorded(tmp_path):
    target = tmp_path / "run.parquet"
    line = "run matrix_sensing --set operator=identity --set n=5 --set k=2 --set r=1 --steps 1000000 --out".split()
    script = LEAVING.replace("step == 5000", "step >= 5000")
    done = subprocess.run([sys.executable, "-c", script, *line, target], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr.startswith("interrupted at step 5") and done.stderr.count("\n") == 1
    assert str(target) in done.stderr
    assert engines.open(target).steps[-1] >= 5000


def test_an_interrupt_without_a_file_says_nothing(command, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "simulate", interrupted)
    assert command("run toy") == (130, "", "")


def test_a_stored_run_is_resumed_and_equals_the_run_that_was_not_interrupted(command, tmp_path):
    first, whole, longer = (tmp_path / f"{name}.parquet" for name in ("first", "whole", "longer"))
    command(f"run toy --set a=1,100 --set eta=1 --set flat=yes --steps 100 --out {first}")
    command(f"run toy --set a=1,100 --set eta=1 --set flat=yes --steps 300 --out {whole}")
    status, _, err = command(f"run --resume {first} --steps 300 --out {longer}")
    assert (status, err) == (0, "")
    assert store.read(longer).steps[-1] == 300
    for name in ("loss", "x", "field"):
        np.testing.assert_array_equal(store.read(longer)[name], store.read(whole)[name])
    np.testing.assert_array_equal(store.read(longer).diverged_at, store.read(whole).diverged_at)


RESUMED = {
    "--steps 50": "steps=50 is not beyond the last step of the run, 100",
    "": "--resume needs --steps: how far the run, now at step 100, is to go",
    "--steps soon": "steps='soon' is not a whole number",
    "toy --steps 300 --set a=1": "--resume goes on with what the file holds: leave out an engine, --set",
}


@pytest.mark.parametrize(("more", "message"), RESUMED.items())
def test_what_cannot_be_resumed_is_one_line(command, tmp_path, more, message):
    command(f"run toy --steps 100 --out {tmp_path / 'run.parquet'}")
    status, out, err = command(f"run --resume {tmp_path / 'run.parquet'} {more}")
    assert status in (1, 2) and out == ""
    assert message in err and err.count("\n") == 1


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("by zero"), SystemExit(3), MemoryError(), StopIteration(1)], ids=repr
)
@pytest.mark.parametrize("where", ["problem", "init", "step", "observe", "caution", "idle", "judge_first"])
def test_a_fault_of_an_engine_is_one_line(command, monkeypatch, where, error):
    def fail(*arguments):
        raise error

    monkeypatch.setattr(ToyEngine, where, fail)
    status, out, err = command("run toy --preset first")
    assert (status, out) == (1, "")
    assert err.startswith("launch.py: Toy ") and err.count("\n") == 1


def test_claims_that_need_the_preset_s_own_members_are_not_judged_by_others(command, monkeypatch):
    monkeypatch.setattr(ToyEngine, "judge_first", staticmethod(lambda run: run.where(a=2.0)[0]))
    status, out, err = command("run toy --preset first --set a=3")
    assert status == 0 and "loss" in out
    assert err == "note: the claims of first cannot be judged by these members, which are not its own\n"


def test_a_fault_of_a_probe_is_one_line(command, monkeypatch):
    monkeypatch.setattr(toy, "simulation_at", lambda *arguments: 1 / 0)
    status, out, err = command("probe toy norm --steps 3")
    assert (status, out) == (1, "")
    assert err == "launch.py: norm stopped: ZeroDivisionError: division by zero\n"


def test_a_value_that_changes_nothing_is_noted(command, monkeypatch):
    monkeypatch.setattr(ToyEngine, "idle", lambda self, config: frozenset({"sign"} if config.flat else ()))
    note = "note: sign changes nothing: it has no effect with these values of the other knobs\n"
    assert command("run toy --set sign=plus --set flat=yes --quiet")[2] == note
    assert command("run toy --set sign=plus --set flat=yes,no --quiet")[2] == ""
    assert command("run toy --set flat=yes --quiet")[2] == ""


def test_serving_on_a_device_that_is_not_there_is_one_line(command, served):
    status, _, message = command("serve --device nowhere")
    assert status != 0
    assert "device='nowhere'" in message and message.count("\n") == 1
