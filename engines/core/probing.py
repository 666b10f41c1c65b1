"""Computing a probe: at once, or part by part, so that the page can show how far it is and what is known already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from engines.core.errors import EngineFailure

if TYPE_CHECKING:
    from engines.core.engine import Probe
    from engines.core.run import Run


class Part(NamedTuple):
    """What a probe knows when a share of its work is done; the last one is the outcome."""

    share: float
    """From 0 to 1."""
    values: Mapping[str, Any]
    """Numbers and arrays by name; fewer of them, or arrays with NaN, before the end."""


def parts(probe: Probe, run: Run, member: int, step: int, options: Mapping[str, Any]) -> Iterator[Part]:
    """The parts of one computation, the whole last. Raises `EngineFailure` once nobody waits for the run any longer."""
    found = probe.compute(run, member, step=step, **options)
    if isinstance(found, Mapping):
        yield Part(1.0, found)
        return
    for part in found:
        if run.abandoned:
            raise EngineFailure(f"{probe.name} was abandoned at {part.share:.0%}")
        yield part
