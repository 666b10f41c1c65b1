"""`python -m benchmarks results [SECTION ...]`: measure on a quiet machine, and write the tables into RESULTS.md.

A section stands between two marks of its own, which are comments; what stands around them stays as somebody wrote it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date
from importlib import import_module
from pathlib import Path

import torch

from benchmarks import bench, timing
from benchmarks.machine import Machine, loaded

PAGE = Path(__file__).with_name("RESULTS.md")
LABS = "labs"
SECTIONS = (LABS, "watching", "optimizers", "compute", "recovery", "collapse", "networks", "landscape", "surfaces")
"""What is measured where nothing is named, what matters most first; sections with a browser are for `make bench`."""

ENOUGH = 600.0
"""Seconds after which no other section is begun: all of it shall take twelve minutes."""


def main(names: Sequence[str] = (), page: Path = PAGE) -> None:
    """Measure sections one after another; each is written as soon as it is measured."""
    begun = time.monotonic()
    for name in names or SECTIONS:
        if time.monotonic() - begun > ENOUGH:
            print(f"\n{name} is left as it was: {ENOUGH / 60:.0f} minutes are over")
            continue
        before = loaded()
        tables = _labs() if name == LABS else _section(name)
        note = before or loaded()
        about = f"{Machine(torch.device('cpu')).name}, torch {torch.__version__}, {date.today()}"
        written = "\n\n".join([f"{about}{f'; {note}' if note else ''}.", *tables])
        text = page.read_text(encoding="utf-8")
        page.write_text(replaced(text, name, written), encoding="utf-8")


def replaced(text: str, name: str, tables: str) -> str:
    r"""Put a section's tables between its marks; a section that has none comes at the end.

    >>> replaced("# Results\\n", "labs", "one")
    '# Results\\n\\n## labs\\n\\n<!-- labs -->\\none\\n<!-- end of labs -->\\n'
    >>> replaced("a\\n<!-- labs -->\\none\\n<!-- end of labs -->\\nb\\n", "labs", "two")
    'a\\n<!-- labs -->\\ntwo\\n<!-- end of labs -->\\nb\\n'
    """
    opened, closed = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    if opened not in text:
        return f"{text}\n## {name}\n\n{opened}{tables}\n{closed}\n"
    before, rest = text.split(opened, 1)
    return f"{before}{opened}{tables}\n{closed}{rest.split(closed, 1)[1]}"


def _labs() -> list[str]:
    """The tables of `launch.py bench`."""
    found: list[str] = []
    bench.bench([], torch.device("cpu"), show=print, keep=lambda title, lines: found.append(_markdown(title, lines)))
    return found


def _section(name: str) -> list[str]:
    """The tables that a section of `python -m benchmarks` prints."""
    start = len(timing.TABLES)
    import_module(f"benchmarks.{name}").main()
    heads = ("what", "ratio", "target", "times")
    return [_markdown(title, [heads, *((line.what, f"{line.ratio:.2f}", line.target, line.detail) for line in lines)])
            for title, lines in timing.TABLES[start:] if lines]  # fmt: skip


def _markdown(title: str, lines: Sequence[Sequence[str]]) -> str:
    """A table of cells, its title above."""
    rows = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
    rule = "|" + "---|" * len(lines[0])
    return "\n".join([f"**{title}**", "", rows[0], rule, *rows[1:]])
