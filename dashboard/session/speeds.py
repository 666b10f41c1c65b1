"""How fast a run may play."""

from __future__ import annotations

SPEEDS: dict[str, tuple[float | None, str]] = {
    "5": (5.0, "very slow"),
    "20": (20.0, "slow"),
    "60": (60.0, "normal"),
    "240": (240.0, "fast"),
    "max": (None, "as fast as it goes"),
}
"""Scheduled frames a second."""

NORMAL = "60"
