"""Files to take away: one figure, its numbers, or everything about a run in one archive."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from dashboard.publish.figure import sheet
from dashboard.publish.figure_view import FILMED, PRINTED, WIDTHS, FigureView, ShareDone
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
program.py     repeats the run, and compares it with run.parquet
link.txt       opens the page as it was: append it to the address of any Dynascope
{left_out}"""

REPEATED = """
# Is what run.parquet holds repeated?
import pathlib
import numpy

recorded = engines.open(pathlib.Path(__file__).with_name("run.parquet"))
for name in [channel.name for channel in run.engine.channels if not channel.dims]:
    new, old = (each.recording.series(name) for each in (run, recorded))
    both = numpy.intersect1d(new.steps, old.steps)
    new, old = (each[name][numpy.isin(each.steps, both)] for each in (new, old))
    numpy.testing.assert_allclose(new, old, rtol=1e-6, err_msg=name)
both = numpy.intersect1d(run.steps, recorded.steps)
print(f"the recorded numbers are repeated at {len(both)} steps")
"""
"""Lines that come after a program that repeats a run: where it does not, they end with an error."""


def figure(
    run: Run,
    plot: Plot,
    view: FigureView,
    kind: str,
    width: float = WIDTHS["page"],
    progress: ShareDone = lambda share: None,
) -> bytes:
    """Write one plot as it is looked at as one of `formats()`. Raises `DynascopeError` where that cannot be."""
    if kind == "csv":
        return numbers(run, plot)
    if kind in FILMED:
        return filmed(run, plot, view, kind, width, progress)
    return printed(sheet(run, plot, view), kind, width)


def archive(
    run: Run, views: Mapping[Plot, FigureView], program: str, link: str, progress: ShareDone = lambda share: None
) -> bytes:
    """Pack a run and its plots as they are looked at. A plot that has nothing to show is named in the contents."""
    left_out: list[str] = []
    about = {"title": run.engine.title, "step": int(run.steps[-1])}

    def made() -> Iterator[tuple[str, bytes]]:
        yield from contents(run, views, program, left_out, progress)
        yield "link.txt", f"/{run.engine.name}?s={link}\n".encode()
        yield "contents.txt", CONTENTS.format(**about, left_out="\n".join(left_out)).encode()

    return packed(made())


def packed(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Pack files, each with its path, into a zip."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return file.getvalue()


def contents(
    run: Run, views: Mapping[Plot, FigureView], program: str, left_out: list[str],
    progress: ShareDone = lambda share: None, kinds: Sequence[str] = PRINTED, width: float = WIDTHS["page"],
) -> Iterator[tuple[str, bytes]]:  # fmt: skip
    """Make the files of a run, each with its path: figures and their numbers, the run, its verdicts, its program.

    A plot that has nothing to show is put into `left_out`, with the reason.
    """
    for done, (plot, view) in enumerate(views.items(), 1):
        try:
            for kind, content in print_all(sheet(run, plot, view), kinds, width).items():
                yield f"figures/{plot.name}.{kind}", content
            yield f"figures/{plot.name}.csv", numbers(run, plot)
        except DynascopeError as error:
            left_out.append(f"without {plot.name}: {error}")
        progress(done / (len(views) + 1))
    yield "run.parquet", export.to_bytes(run, ".parquet")
    judged = {"run": repr(run), "verdicts": run.verdicts, "notes": list(run.notes)}
    yield "verdicts.json", to_json(judged).encode()
    yield "program.py", (program + REPEATED).encode()


def numbers(run: Run, plot: Plot) -> bytes:
    """Write all numbers that a plot shows, at every recorded step and of every member, as CSV."""
    across = [] if plot.x == "step" else [plot.x]
    return export.csv(run, [*across, *plot.channels, *filter(None, [plot.by])])
