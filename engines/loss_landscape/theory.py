"""What the coefficient must be, from the knobs alone."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from engines.core.engine import Prediction
from engines.loss_landscape import closed, quadratures
from engines.loss_landscape.config import LossLandscape
from engines.loss_landscape.dynamics import target
from engines.loss_landscape.known import known
from engines.loss_landscape.sampling.predictions import euler, quadratic

LAU = "Lau et al. 2023, arXiv 2308.12108"
AOYAGI = "after Aoyagi 2024; confirmed by sampling"
OURS = "derived, see the tests"


class Law(NamedTuple):
    """One number that the coefficient is predicted to be."""

    label: str
    value: float
    reference: str
    broken: str = ""
    kind: Literal["law", "upper", "lower"] = "law"


def predictions(config: LossLandscape, steps: np.ndarray) -> list[Prediction]:
    """All laws of the coefficient, as curves over the steps once chains are counted."""
    if not config.sampled:
        return []
    t = np.asarray(steps, float)
    begun = t > (0 if config.boxed else config.burn_in)
    return [
        Prediction(channel="llc", label=law.label, values=np.where(begun, law.value, np.nan), reference=law.reference,
                   broken=law.broken, kind=law.kind)
        for law in laws(config)
    ]  # fmt: skip


def laws(config: LossLandscape) -> list[Law]:
    """What the coefficient of one configuration must be."""
    if config.subject != "potential":
        return _linear(config) if config.subject == "linear" and config.corner else _soft(config)
    return {
        "quadratic": _quadratic,
        "regression": _regression,
        "crossing": _crossing,
        "planes": _crossing,
        "box": _in_box,
    }[config.potential](config)


def eta(config: LossLandscape, h_max: float) -> float:
    """Step size of the chains."""
    return config.kappa / (config.n_beta * max(h_max, 0) + config.gamma)


def _steps(config: LossLandscape, h: Tensor, text: str, variances: Tensor | None = None) -> list[Law]:
    """Of a quadratic with eigenvalues h: of the density, and of Langevin steps of this size."""
    found = [Law(f"N_eff/2 {text}".strip(), float(quadratic(h, config.n_beta, config.gamma)), OURS)]
    if config.optimizer != "langevin":
        return found
    size = eta(config, float(h.max()))
    biased = float(euler(h, config.n_beta, config.gamma, size, variances, config.batch or 1))
    return [*found, Law("with the bias of the step size", biased, OURS)]


def _quadratic(config: LossLandscape) -> list[Law]:
    return _steps(config, closed.curvatures(config), "")


def _regression(config: LossLandscape) -> list[Law]:
    h, s = closed.regression(config).spectrum
    return _steps(config, h, "", s if config.batch else None)


def _crossing(config: LossLandscape) -> list[Law]:
    """Two planes, or two weights."""
    found = known(config, config.n_beta, config.gamma)
    assert found is not None
    return [
        Law(found.label, found.value, OURS),
        Law(f"λ = {found.limit:g}, b → ∞", found.limit, OURS, kind="upper"),
    ]


def _in_box(config: LossLandscape) -> list[Law]:
    return [Law("½ − ½/(1 + ½ ln(c/ε)), 0 up to c = ε", float(quadratures.crossing_box(config.strength)) / 2, OURS)]


def _linear(config: LossLandscape) -> list[Law]:
    found = known(config, config.n_beta, config.gamma)
    assert found is not None
    P = sum(a * b for a, b in zip(config.sizes[1:], config.sizes[:-1], strict=True))
    text = f"{found.label}; λ = {found.limit:g}, m = {found.multiplicity}"
    return [Law(text, found.value, AOYAGI, found.broken), Law("half of all parameters", P / 2, LAU, kind="upper")]


def _soft(config: LossLandscape) -> list[Law]:
    """A network at rest: half its soft rank, which is right as long as the loss is quadratic within the window."""
    h = _spectrum(config.replace(kappa=0.05, n_beta=100.0, gamma=1.0, burn_in=0, optimizer="langevin", chains=1))
    return [] if h is None else _steps(config, h.clamp_min(0), "(quadratic regime)")


@lru_cache(maxsize=64)
def _spectrum(config: LossLandscape) -> Tensor | None:
    """Eigenvalues at the centre `[P]`."""
    with torch.no_grad():
        found = target.modes(target.target([config]))
    return None if found is None else found.values[0]
