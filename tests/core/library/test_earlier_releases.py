"""Files of earlier releases are opened, found and continued as those of this one are."""

import numpy as np
import pytest

import engines
from engines.core import api
from engines.core.runs.experiment import Experiment
from tests.conftest import ROOT
from tests.core.library.conftest import SMALL

STORED = ROOT / "tests" / "core" / "files" / "stored"

DESCRIBED = [(20, "eta", 0.05, [0])]


@pytest.mark.parametrize("ending", ["parquet", "nc"])
def test_a_file_of_an_earlier_release_is_opened(ending):
    path = STORED / f"version_0_1_0.{ending}"
    run = engines.open(path)
    again = engines.run(
        "matrix_sensing", set=SMALL | {"alpha": [0.1, 0.2], "eta": [0.1, 9.0]}, steps=20, edits=[(7, "eta", 0.05, [0])]
    )
    assert run.configs == again.configs and run.recording.events == again.recording.events
    np.testing.assert_allclose(run["loss"], again["loss"], rtol=1e-9)
    assert run.diverged_at.tolist() == again.diverged_at.tolist()


def test_a_file_of_an_earlier_release_is_listed_and_queried(library):
    source = STORED / "version_0_1_0.parquet"
    library.folder.mkdir()
    (library.folder / source.name).write_bytes(source.read_bytes())
    [entry] = library.find("alpha=0.1")[0]
    assert (entry.id, entry.members, entry.steps, entry.broken) == ("version_0_1_0", 4, 20, "")
    last = library.query("select loss from members order by member")["loss"]
    np.testing.assert_array_equal(last, engines.open(source)["loss"][-1])


def test_all_that_may_be_said_of_a_run_is_read_from_an_earlier_release_and_its_state_goes_on(library):
    source = STORED / "described_0_1_0.parquet"
    library.folder.mkdir()
    for path in (source, source.with_suffix(".safetensors")):
        (library.folder / path.name).write_bytes(path.read_bytes())
    [entry] = library.find("tag:paper alpha=0.1")[0]
    run = library.open(entry.id)
    assert (entry.name, entry.note) == ("small starts", "two words")
    assert len(library.about(entry.id)["verdicts"]) == len(run.judge()) > 0
    assert run.recording.events and run.probe_results["spectral_error", 0] and run.checkpoint
    experiment = Experiment.from_preset(run.engine, run.preset, SMALL | {"alpha": [0.1, 0.2]}, [0], 80, [], DESCRIBED)
    whole = api.simulate(api.new_run(experiment), 80, edits=experiment.edits)
    np.testing.assert_allclose(api.resume(run, 80)["loss"][-1], whole["loss"][-1], rtol=1e-9)
