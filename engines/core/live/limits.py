"""Limits on what visitors may have computed: set once by whoever serves them, known without torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Limits:
    """Limits of one process; 0 is no limit but what the machine has."""

    memory: int = 0
    """Bytes of the host that all runs together may take; 0: half of what the machine has."""
    step: float = 60.0
    """Seconds that a step may take by its estimate."""
    runs: int = 0
    """Runs that may be open at a time."""
    idle: float = 0.0
    """Seconds after which the run of a page that nobody touches rests."""


LIMITS = Limits()
"""The limits of this process."""
