"""Files to take away: one figure, its numbers, or everything about a run in one archive."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from dashboard.publish.figure import sheet
from dashboard.publish.look import FILMED, PRINTED, WIDTHS, Progress, View
from dashboard.publish.movie import filmed
from dashboard.publish.printing import print_all, printed
from engines.core.data.plain_json import to_json
from engines.core.files import export
from engines.core.protocol.errors import DynascopeError

if TYPE_CHECKING:
    from engines.core.protocol.declarations import Plot
    from engines.core.runs.run import Run

CONTENTS = """{title}, at step {step:,}

figures/       each figure as PDF, SVG and PNG, and its numbers as CSV: one row a number
run.parquet    everything recorded; dynascope.open reads it
verdicts.json  what is claimed, measured and predicted
program.py     repeats the run
link.txt       opens the page as it was: append it to the address of any Dynascope
{left_out}"""


def figure(
    run: Run, plot: Plot, view: View, kind: str, width: float = WIDTHS["page"], progress: Progress = lambda share: None
) -> bytes:
    """Write one plot as it is looked at as one of `formats()`. Raises `DynascopeError` where that cannot be."""
    if kind == "csv":
        return numbers(run, plot)
    if kind in FILMED:
        return filmed(run, plot, view, kind, width, progress)
    return printed(sheet(run, plot, view), kind, width)


def archive(
    run: Run, views: Mapping[Plot, View], program: str, link: str, progress: Progress = lambda share: None
) -> bytes:
    """Pack a run and its plots as they are looked at. A plot that has nothing to show is named in the contents."""
    file = io.BytesIO()
    left_out = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for done, (plot, view) in enumerate(views.items(), 1):
            try:
                for name, content in _figure(run, plot, view):
                    packed.writestr(f"figures/{name}", content)
            except DynascopeError as error:
                left_out.append(f"without {plot.name}: {error}")
            progress(done / (len(views) + 1))
        packed.writestr("run.parquet", export.to_bytes(run, ".parquet"))
        judged = {"run": repr(run), "verdicts": run.verdicts, "notes": list(run.notes)}
        packed.writestr("verdicts.json", to_json(judged))
        packed.writestr("program.py", program)
        packed.writestr("link.txt", f"/{run.engine.name}?s={link}\n")
        about = {"title": run.engine.title, "step": int(run.steps[-1]), "left_out": "\n".join(left_out)}
        packed.writestr("contents.txt", CONTENTS.format(**about))
    return file.getvalue()


def _figure(run: Run, plot: Plot, view: View) -> Iterator[tuple[str, bytes]]:
    for kind, content in print_all(sheet(run, plot, view), PRINTED).items():
        yield f"{plot.name}.{kind}", content
    yield f"{plot.name}.csv", numbers(run, plot)


def numbers(run: Run, plot: Plot) -> bytes:
    """Write all numbers that a plot shows, at every recorded step and of every member, as CSV."""
    across = [] if plot.x == "step" else [plot.x]
    return export.csv(run, [*across, *plot.channels, *filter(None, [plot.by])])
