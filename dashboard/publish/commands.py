"""Commands that write what a reader takes away of recorded runs: each returns what is to be printed."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard.publish.opened import behind, opened
from dashboard.publish.replay import replay
from engines.core import api
from engines.core.files import store
from engines.core.protocol.errors import ConfigError
from engines.core.protocol.paths import expand_home
from engines.core.runs import script

if TYPE_CHECKING:
    from engines.core.runs.run import Run


def export(arguments: Namespace) -> str:
    """Write runs as one page."""
    out = expand_home(arguments.html)
    store.require_writable(out)
    run, *others = read(arguments.runs)
    context, views, experiment = opened(run[1], arguments.member)
    content = replay(context, behind(views, others), script.script(experiment))
    with store.writing(out) as file:
        file.write(content)
    return f"{out}: {len(content):,} bytes"


def read(paths: Sequence[str]) -> list[tuple[str, Run]]:
    """Read stored runs of one lab, by the names of their files, with the probes on which their claims rest."""
    runs = [(Path(path).stem, api.open(expand_home(path))) for path in paths]
    first = runs[0][1].engine
    for name, run in runs:
        if run.engine is not first:
            raise ConfigError(f"{name} is a run of {run.engine.name}, and the first one of {first.name}")
    api.run_preset_probes(runs[0][1])
    return runs
