"""Wrong runs: a preset simulated otherwise than it says, and judged as if it had been obeyed.

So a verdict is tried the way a fault of the engine would try it. An engine's `wrong_runs.py` holds
`WRONG: dict[preset, dict[what is wrong, change of a configuration]]`, made with the functions here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engines.core.protocol.config import Config

Change = Callable[[Any], Config]
"""Makes the configuration of a member another one."""


def but(**knobs: Any) -> Change:
    """Replace knobs in every member by values, or by functions of the member's configuration."""

    def change(config: Config) -> Config:
        return config.replace(**{name: value(config) if callable(value) else value for name, value in knobs.items()})

    return change


def scaled(**factors: float) -> Change:
    """Multiply knobs in every member."""
    return lambda config: config.replace(**{name: getattr(config, name) * by for name, by in factors.items()})


def where(values: Mapping[str, Any], change: Change) -> Change:
    """Change the members whose knobs have these values, and no others."""
    return lambda config: change(config) if values.items() <= dict(config).items() else config
