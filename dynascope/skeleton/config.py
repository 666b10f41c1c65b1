"""The knobs of the engine: each field is one parameter, with all that widgets, links and flags need of it."""

from __future__ import annotations

from dataclasses import dataclass

from engines.core.protocol.config import Config, knob
from engines.core.protocol.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Skeleton(Config):
    """One experiment. `role` says what a change does: `shape` rebuilds, `init` restarts, `live` applies at once."""

    d: int = knob(5, "dimension", role="shape", bounds=(1, 1000), soft=(1, 50))
    curvature: float = knob(1.0, "curvature of the parabola", bounds=(1e-3, 1e3), soft=(0.1, 10), log=True)
    eta: float = knob(0.1, "step size", role="live", bounds=(0, 10), soft=(0.01, 1), log=True)
    seed: int = knob(0, "draws the start", bounds=(0, 2**31 - 1))

    def check(self) -> None:
        """Raise `ConfigError` for values that contradict each other."""
        if self.eta * self.curvature > 1000:
            raise ConfigError(f"Skeleton: eta * curvature = {self.eta * self.curvature:g} is above 1000")
