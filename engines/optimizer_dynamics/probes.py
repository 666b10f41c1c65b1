"""Expensive observables of one member, on demand."""

from __future__ import annotations

from engines.core.protocol.engine import Probe

PROBES: tuple[Probe, ...] = ()
