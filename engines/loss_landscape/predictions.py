"""Predictions of the learning coefficient from the knobs alone, as lines over a run."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from engines.core.protocol.declarations import Prediction
from engines.loss_landscape.config import LossLandscape
from engines.loss_landscape.dynamics import sampling_target
from engines.loss_landscape.learning_coefficient import quadrature
from engines.loss_landscape.learning_coefficient.closed_form import corner_curvature, exact_coefficient
from engines.loss_landscape.learning_coefficient.quadratic_predictions import euler, quadratic
from engines.loss_landscape.learning_coefficient.samplers import step_size
from engines.loss_landscape.models import potentials

LAU = "Lau et al. 2023, arXiv 2308.12108"
AOYAGI = "after Aoyagi 2024; confirmed by sampling"
OURS = "derived, see the tests"


NEAR = 0.05
"""Share within which a law holds where it is not grey, beside the error of the run."""

FORGOTTEN = 4.0
"""Relaxations of the flattest direction that burn-in has to last; draws after it count on in the mean."""

SWEEPS = 100
"""Sweeps of Gibbs' sampler that burn-in has to last."""


class CoefficientLaw(NamedTuple):
    """A predicted value of the coefficient, and where it does not hold."""

    label: str
    value: float
    reference: str
    broken: str = ""
    kind: Literal["law", "upper", "lower"] = "law"
    course: Callable[[np.ndarray], np.ndarray] | None = None
    """Estimate after so many steps, where it is predicted before the chains have settled."""

    def at(self, steps: np.ndarray) -> np.ndarray:
        """Values predicted after so many steps, once chains are counted, `[T]`."""
        return self.course(steps) if self.course else np.full(len(steps), self.value)


def predictions(config: LossLandscape, steps: np.ndarray) -> list[Prediction]:
    """Predict the coefficient by all laws at steps `[T]`; NaN until chains are counted; none of a training."""
    if not config.sampled:
        return []
    t = np.asarray(steps, float)
    counted = t > (0 if config.boxed else config.burn_in)
    return [
        Prediction(channel="llc", label=law.label, values=np.where(counted, law.at(t), np.nan), reference=law.reference,
                   broken=law.broken, kind=law.kind)
        for law in laws(config)
    ]  # fmt: skip


def laws(config: LossLandscape) -> list[CoefficientLaw]:
    """Predict the coefficient of one configuration: within 5 % where it is not grey, beside the run's error."""
    if config.subject != "potential":
        return _deep_linear_laws(config) if config.subject == "linear" and config.corner else _soft_rank_laws(config)
    return {
        "quadratic": _quadratic_laws,
        "regression": _regression_laws,
        "crossing": _crossing_laws,
        "planes": _crossing_laws,
        "box": _box_laws,
    }[config.potential](config)


def eta(config: LossLandscape, h_max: float) -> float:
    """Step size of a configuration's chains, see `samplers.step_size`."""
    unit = step_size(torch.tensor(h_max, dtype=torch.float64), config.n_beta, config.gamma, 1.0)
    return float(unit) * config.kappa


def _langevin_laws(
    config: LossLandscape, h: Tensor, text: str, variances: Tensor | None = None, broken: str = ""
) -> list[CoefficientLaw]:
    """Laws of a quadratic with eigenvalues h `[P]`: of the density, and of Langevin steps of this size."""
    density = float(quadratic(h, config.n_beta, config.gamma))
    label = f"half the effective parameters {text}".strip()
    if config.optimizer != "langevin":
        return [
            CoefficientLaw(label, density, OURS, broken or _burn_in_reason(config, h) or _rejection_reason(config, h))
        ]
    size = eta(config, float(h.max()))
    biased = float(euler(h, config.n_beta, config.gamma, size, variances, config.batch_size or 1))
    if not np.isfinite(biased):
        broken = "steps of this size are unstable"
    off = broken or _burn_in_reason(config, h) or ("" if biased < (1 + NEAR) * density else "the step size adds to it")
    return [
        CoefficientLaw(label, density, OURS, off),
        CoefficientLaw(
            "with the bias of the step size", biased, OURS, broken, course=_course(config, h, size, variances)
        ),
    ]  # fmt: skip


def _course(
    config: LossLandscape, h: Tensor, size: float, variances: Tensor | None
) -> Callable[[np.ndarray], np.ndarray]:
    """Mean over the steps after burn-in, of chains that all begin in the centre.

    The mean square along a mode is `1 - a^t` of its limit, `a = (1 - eta kappa/2)^2`; its mean over the steps
    `B + 1 .. t` is `1 - a^(B + 1) (1 - a^(t - B))/((1 - a)(t - B))`.
    """
    kappa = config.n_beta * h.clamp_min(0) + config.gamma
    a = (1 - size * kappa / 2).square().numpy()
    each = [
        float(
            euler(
                h[i : i + 1],
                config.n_beta,
                config.gamma,
                size,
                None if variances is None else variances[i : i + 1],
                config.batch_size or 1,
            )
        )
        for i in range(len(h))
    ]

    def course(t: np.ndarray) -> np.ndarray:
        counted = np.maximum(t - config.burn_in, 1)[:, None]
        with np.errstate(all="ignore"):
            missing = a ** (config.burn_in + 1) * (1 - a**counted) / ((1 - a) * counted)
            return (np.array(each) * (1 - np.where(a == 1, 1, missing))).sum(-1)

    return course


def _burn_in_reason(config: LossLandscape, h: Tensor | None = None) -> str:
    """Reason why burn-in is too short for the chains to forget the centre, "" where it is not.

    Of a quadratic, unless what is missing is little; otherwise by the flattest direction, which the window alone
    confines.
    """
    size = eta(config, 0.0 if h is None else float(h.max()))
    if h is None:
        late = config.burn_in * size * config.gamma < FORGOTTEN
    else:
        kappa = config.n_beta * h.clamp_min(0) + config.gamma
        share = config.n_beta * h.clamp_min(0) / kappa
        late = float((share * (-config.burn_in * size * kappa).exp()).sum()) > NEAR / 2 * float(share.sum())
    return "burn-in is too short for steps of this size" if late else ""


def _rejection_reason(config: LossLandscape, h: Tensor) -> str:
    """Say whether MALA leaves the centre too seldom: with probability `prod (1 + (eta kappa_i)²/4)^(-1/2)` a step."""
    if config.optimizer != "mala":
        return ""
    moved = eta(config, float(h.max())) * (config.n_beta * h.clamp_min(0) + config.gamma)
    left = float((-(moved.square() / 4).log1p().sum() / 2).exp())
    return "steps of this size are refused" if left * config.burn_in < ESCAPES else ""


ESCAPES = 5
"""Steps of MALA out of the centre that burn-in needs, on average."""


def _quadratic_laws(config: LossLandscape) -> list[CoefficientLaw]:
    return _langevin_laws(config, potentials.quadratic_curvatures(config), "")


def _regression_laws(config: LossLandscape) -> list[CoefficientLaw]:
    drawn = potentials.draw_regression(config)
    h, s = drawn.spectrum
    laws = _langevin_laws(config, h, "", s if config.batch_size else None)
    excess, residual = laws[-1].value / config.n_beta, float(drawn(drawn.star[None])[0])
    if config.batch_size and config.optimizer == "langevin" and excess > NEAR / 2 * residual:
        laws = [law._replace(broken=law.broken or "residuals, and the noise of minibatches, grow in the window")
                for law in laws]  # fmt: skip
    return laws


def _crossing_laws(config: LossLandscape) -> list[CoefficientLaw]:
    """Laws of two planes, or of two weights."""
    exact = exact_coefficient(config, config.n_beta, config.gamma)
    assert exact is not None
    P = 2 if config.potential == "crossing" else config.inputs
    # Away from the crossing the loss curves by 2|u|², of about P/gamma where the window holds it.
    stiff = config.kappa * config.n_beta * P / config.gamma**2
    bias = _step_size_reason(config, stiff) or _widening_reason(config, 2)
    return [
        CoefficientLaw(exact.label, exact.value, OURS, _burn_in_reason(config) or bias),
        CoefficientLaw(f"λ = {exact.limit:g}, b → ∞", exact.limit, OURS, bias, kind="upper"),
    ]


def _step_size_reason(config: LossLandscape, stiffness: float) -> str:
    """Reason why steps are too large where `eta kappa` is `stiffness` away from the centre, "" where they are not."""
    if config.optimizer == "langevin" and stiffness > STIFF:
        return "the step size adds to it: the loss curves more away from the centre"
    if config.optimizer == "mala" and stiffness > REFUSED:
        return "steps of this size are refused away from the centre"
    return ""


def _widening_reason(config: LossLandscape, factors: int) -> str:
    """Say whether Langevin steps widen the window by so much that a product of so many factors feels it.

    They leave a variance of `1/(gamma (1 - kappa/4))` to a direction that the window alone holds.
    """
    if config.optimizer != "langevin" or (1 - config.kappa / 4) ** -factors <= 1 + NEAR:
        return ""
    return "the step size adds to it: steps widen the window"


REFUSED = 2
"""Stiffness `eta kappa` away from the centre up to which most steps of MALA are accepted."""

STIFF = 0.1
"""Stiffness `eta kappa` away from the centre that adds about a quarter of it to the coefficient."""


def _box_laws(config: LossLandscape) -> list[CoefficientLaw]:
    value = float(quadrature.crossing_box(config.strength)) / 2
    return [CoefficientLaw("½ − ½/(1 + ½ ln(c/ε)), 0 up to c = ε", value, OURS, rarely_visited(config))]


def rarely_visited(config: LossLandscape) -> str:
    """Say whether draws in a box hardly ever come to where both weights are free, so that ½ ± 0 is counted."""
    each = config.chains * config.strength**-0.5
    return f"draws come to the middle of the cross once in {1 / each:.2g} steps" if each < SEEN else ""


SEEN = 0.03
"""Draws in the middle of the cross that a step needs."""


def _deep_linear_laws(config: LossLandscape) -> list[CoefficientLaw]:
    exact = exact_coefficient(config, config.n_beta, config.gamma)
    assert exact is not None
    P = sum(a * b for a, b in zip(config.sizes[1:], config.sizes[:-1], strict=True))
    text = f"{exact.label}; λ = {exact.limit:g}, m = {exact.multiplicity}"
    stiff = config.kappa if config.rank else config.kappa * config.n_beta * P / config.gamma ** len(config.sizes[1:])
    bias = _step_size_reason(config, stiff) or ("" if config.rank else _widening_reason(config, len(config.sizes) - 1))
    late = "burn-in is short" if config.burn_in < SWEEPS else ""
    curved = corner_curvature(config.sizes, config.scale) if config.rank else 0.0
    both = curved * torch.tensor([len(config.sizes) - 1.0, 1.0])
    slow = _burn_in_reason(config, both) or _idle_reason(config, float(both.max()))
    early = late if config.optimizer == "gibbs" else slow
    off = unresolved(config) or bias
    return [
        CoefficientLaw(text, exact.value, AOYAGI, exact.broken or off or early),
        CoefficientLaw("half of all parameters", P / 2, LAU, off, kind="upper"),
    ]


def unresolved(config: LossLandscape) -> str:
    """Say whether float64 tells the strong and the weak directions of a layer apart, of which Gibbs' sampler is made.

    Their squares are apart by up to `b/gamma^L`: at 1e18 two layers of 3 gave 10.5 for 3.5, at 1e12 nothing was off.
    """
    strength = np.log10(config.n_beta) - (len(config.sizes) - 1) * np.log10(config.gamma)
    if config.optimizer != "gibbs" or strength < RESOLVED or len(config.sizes) > 3:
        return ""
    return f"b/γ² = 1e{strength:.0f} is beyond what float64 resolves in a layer"


RESOLVED = 14
"""Decades of `b/gamma^2` that float64 resolves."""


def _idle_reason(config: LossLandscape, h_max: float) -> str:
    """Say why directions that a map of low rank leaves idle have not settled, "" where they have.

    At the corner the window alone holds them: rank 1 of 4, b = 1e4 and 300 steps gave 4.03 +- .10 for 6.85.
    """
    slow = config.burn_in * eta(config, h_max) * config.gamma < FORGOTTEN
    return "burn-in is too short for the idle directions" if slow and config.rank < min(config.sizes) else ""


def _soft_rank_laws(config: LossLandscape) -> list[CoefficientLaw]:
    """Laws of a network at rest: half its soft rank, right as long as the loss is quadratic within the window."""
    centre = _centre(config.replace(kappa=0.05, n_beta=100.0, gamma=1.0, burn_in=0, optimizer="langevin", chains=1))
    if centre is None:
        return []
    h, size = centre[0].clamp_min(0), centre[1]
    apart = float((1 / (config.n_beta * h + config.gamma)).sum())
    broken = "" if apart < NARROW * size else "the window is so wide that the loss is not quadratic in it"
    return _langevin_laws(config, h, "(quadratic regime)", broken=broken)


NARROW = 0.01
"""Mean squared distance over squared length of the parameters, up to which gates stay as they are."""


@lru_cache(maxsize=64)
def _centre(config: LossLandscape) -> tuple[Tensor, float] | None:
    """Eigenvalues at the centre `[P]`, and its squared length."""
    with torch.no_grad():
        target = sampling_target.target_of([config])
        modes = sampling_target.eigenmodes(target)
    return None if modes is None else (modes.values[0], float(target.star[0].square().sum()))
