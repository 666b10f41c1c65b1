"""Computing a probe: at once, or part by part, so that the page can show how far it is and what is known already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engines.core.protocol.engine import Part, Probe, RunData
from engines.core.protocol.errors import EngineFailure, guarded


def parts(probe: Probe, run: RunData, member: int, step: int, options: Mapping[str, Any]) -> Iterator[Part]:
    """The parts of one computation, the whole last. Raises `EngineFailure` once nobody waits for the run any longer."""
    with guarded(probe.name):
        found = probe.compute(run, member, step=step, **options)
        rest = iter([Part(1.0, found)] if isinstance(found, Mapping) else found)
    while part := _next(probe.name, rest):
        if run.abandoned:
            raise EngineFailure(f"{probe.name} was abandoned at {part.share:.0%}")
        yield part


def _next(name: str, parts: Iterator[Part]) -> Part | None:
    with guarded(name):
        return next(parts, None)
