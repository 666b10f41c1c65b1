"""All that a paper needs of runs: figures at column width, a table of the claims, data, programs, versions, sources.

What comes of a run is a folder of its own; the table, the versions and the sources are those of all.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from typing import TYPE_CHECKING, NamedTuple

from dashboard.publish import files
from dashboard.publish.figure_view import WIDTHS, FigureView
from dashboard.publish.latex import JudgedClaim, verdict_table
from dashboard.session.preset_changes import changes_from_preset
from engines.core import api
from engines.core.data.plain_json import to_json
from engines.core.protocol.errors import ConfigError
from engines.core.runs import script

if TYPE_CHECKING:
    from engines.core.protocol.declarations import Plot
    from engines.core.runs.experiment import Experiment
    from engines.core.runs.run import Run

KINDS = ("pdf", "svg")

CONTENTS = """What a paper needs of {count}.

{folders}
  figures/        each figure, 3.5 inches wide, as PDF and SVG, and its numbers as CSV: one row a number
  run.parquet     everything recorded; dynascope.open reads it
  program.py      repeats the run, and compares it with run.parquet
  verdicts.json   what is claimed, measured and predicted
verdicts.tex      the same of all runs as a table; it needs the packages booktabs and longtable
verdicts.json     the same, with what was measured on each fresh seed
requirements.txt  versions with which this was made
citation.bib      this software, and the papers whose theory is drawn
{left_out}"""


class Bundled(NamedTuple):
    """A run with its name, its figures as they are looked at, and the experiment that repeats it."""

    name: str
    run: Run
    views: Mapping[Plot, FigureView]
    experiment: Experiment


def bundle(runs: Sequence[Bundled], fresh: int = 0, report: Callable[[str], None] = lambda text: None) -> Iterator[
    tuple[str, bytes]
]:  # fmt: skip
    """Make the files of a bundle, each with its path; each run is repeated on so many `fresh` seeds.

    `report` is told what is being made. Raises `ConfigError` where two runs share a name.
    """
    names = [each.name for each in runs]
    if len(set(names)) < len(names):
        raise ConfigError(f"two runs have the same name, {next(name for name in names if names.count(name) > 1)}")
    left_out: list[str] = []
    judged: list[JudgedClaim] = []
    for name, run, views, experiment in runs:
        report(f"{name}: figures")
        missing: list[str] = []
        made = files.contents(run, views, script.script(experiment), missing, kinds=KINDS, width=WIDTHS["column"])
        yield from ((f"{name}/{path}", content) for path, content in made)
        left_out += [f"{name}: {reason}" for reason in missing]
        if others := changes_from_preset(experiment, run.configs, run.recording.events).unjudged:
            left_out.append(f"{name}: its claims are about the preset's own values, and are not judged: {others}")
        else:
            judged += _judged(name, run, experiment, fresh, report)
    count = f"{len(runs)} run{'s' * (len(runs) > 1)} of {runs[0].run.engine.title}"
    folders = "\n".join(f"{name}/" for name in names)
    yield "verdicts.tex", verdict_table(judged, fresh).encode()
    yield "verdicts.json", to_json([each._asdict() for each in judged]).encode()
    yield "requirements.txt", lock().encode()
    yield "citation.bib", sources(dict.fromkeys(each.run.engine for each in runs)).encode()
    yield "contents.txt", CONTENTS.format(count=count, folders=folders, left_out="\n".join(left_out)).encode()


def _judged(
    name: str, run: Run, experiment: Experiment, fresh: int, report: Callable[[str], None]
) -> Iterator[JudgedClaim]:
    """Judge a run, and runs of the same on fresh seeds, claim by claim."""
    again = []
    for count in range(fresh):
        report(f"{name}: fresh seed {count + 1} of {fresh}")
        experiment = experiment.reseeded()
        other = api.simulate(api.new_run(experiment, run.device), experiment.steps)
        api.run_preset_probes(other)
        again.append({verdict["claim"]: verdict for verdict in other.verdicts})
    for verdict in run.verdicts:
        yield JudgedClaim(name, verdict, [each[verdict["claim"]] for each in again if verdict["claim"] in each])


# -- versions and sources ------------------------------------------------------------------------------------------


def lock() -> str:
    """Write the versions of Dynascope and of all packages it needs, as `pip install -r` reads them."""
    versions: dict[str, str] = {}
    open_names = ["dynascope"]
    while open_names:
        name = re.sub(r"[-_.]+", "-", open_names.pop()).lower()
        try:
            about = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # of another system, or run from its folder
            continue
        if name not in versions:
            versions[name] = about.version
            needs = [need for need in about.requires or () if "extra ==" not in need]
            open_names += [re.split(r"[^\w.-]", need, maxsplit=1)[0] for need in needs]
    lines = [f"{name}=={version}" for name, version in sorted(versions.items())]
    return "\n".join([f"# Python {platform.python_version()}, {platform.platform()}", *lines, ""])


def sources(engines: Mapping[object, object] | Sequence[object]) -> str:
    """Write this software, and the papers that engines name, as BibTeX."""
    try:
        version = metadata.version("dynascope")
    except metadata.PackageNotFoundError:
        version = ""
    entries = [_entry("software", "dynascope", {
        "title": "{Dynascope}: a live laboratory for learning dynamics", "author": "{The Dynascope authors}",
        "version": version, "year": "2026",
    })]  # fmt: skip
    for engine in engines:
        for place, reference in enumerate(engine.references, 1):  # type: ignore[attr-defined]
            entries.append(_entry("misc", f"{engine.name}_{place}", _parsed(reference)))  # type: ignore[attr-defined]
    return "\n".join(entries)


REFERENCE = re.compile(r"(?P<author>[^:]+): (?P<title>.+?)\. (?P<note>.+)", re.DOTALL)
"""A reference of an engine: authors, title, and where it appeared."""


def _parsed(reference: str) -> dict[str, str]:
    match = REFERENCE.fullmatch(reference)
    about = match.groupdict() if match else {"note": reference}
    if match:
        about["author"] = " and ".join(name.strip() for name in about["author"].split(","))
        about["title"] = f"{{{about['title']}}}"
    if arxiv := re.search(r"arXiv (\d{4}\.\d{4,5})", reference):
        about |= {"eprint": arxiv[1], "archiveprefix": "arXiv"}
    if year := re.search(r"\b(19|20)\d{2}\b", about["note"]):
        about["year"] = year[0]
    return about


def _entry(kind: str, key: str, about: Mapping[str, str]) -> str:
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in about.items() if value)
    return f"@{kind}{{{key},\n{lines}}}\n"
