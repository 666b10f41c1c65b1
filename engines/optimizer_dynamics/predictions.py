"""Which prediction is drawn on which channel, and which assumption the current knobs break.

Not grey means what the label says: exact until the first crossing, half times within a share, or a bound.
`tests/optimizer_dynamics/test_predictions.py` holds it against runs at random knobs.
"""

from __future__ import annotations

import numpy as np

from engines.core.methods.names import ENTRYWISE, METHOD_LABELS
from engines.core.protocol.declarations import Prediction
from engines.optimizer_dynamics import laws, modes, risk
from engines.optimizer_dynamics.config import OptimizerDynamics
from engines.optimizer_dynamics.scenes import factorisation

DERIVED = "derived, see the tests"

WITHIN = 0.05
"""Half times of random small starts are met within this share, where the line is not grey."""

SEEN = 0.01
"""Smallest singular value over the Frobenius norm of which the gains of Newton–Schulz are known to be near 1."""


def factorisation_lines(config: OptimizerDynamics, steps: np.ndarray) -> list[Prediction]:
    """Predict the modes and, where factors are aligned, the loss at steps `[T]`, by the mode recursion.

    Nothing is predicted of own methods.
    """
    if config.method == "own":
        return []
    why, aligned = broken(config), config.start != "random"
    if not why and not aligned and config.method == "muon" and config.orthogonalise != "polar":
        return _band_of_gains(config, steps)
    u = _recursion(config, steps)
    label = "mode recursion" if aligned else "mode recursion from the start's growing part"
    label += "" if why else (", exact to the first crossing" if aligned else f", half times within {WITHIN:.0%}")
    lines = [
        Prediction(channel="modes", component=i, label=label, values=u[:, i], reference=DERIVED, broken=why)
        for i in range(u.shape[1])
    ]
    if aligned:
        with np.errstate(over="ignore", invalid="ignore"):  # of a recursion that diverges
            loss = ((u - config.values) ** 2).sum(1) / 2
        lines.append(Prediction(channel="loss", label=label, values=loss, reference=DERIVED, broken=why))
    return [*lines, *_textbook_momentum(config, steps), *_floor(config, steps)]


def _textbook_momentum(config: OptimizerDynamics, steps: np.ndarray) -> list[Prediction]:
    """Draw two factors as if momentum made gradient descent 1/(1-beta) times as fast.

    That is the limit of `eta s << (1-beta)²`; elsewhere the mode grows more slowly, by `laws.growth`.
    """
    if config.method not in ("heavy_ball", "nesterov") or config.depth != 2 or config.schedule != "constant":
        return []
    s, u0, speed = config.values, factorisation.strengths(config), config.eta / (1 - config.beta1)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        u = s / (1 + (s / u0 - 1) * np.exp(-2 * speed * s * np.asarray(steps)[:, None]))
    grown = np.log(laws.growth(s, config.eta, config.beta1, config.method == "nesterov"))
    why = broken(config) or ("weight decay pulls the factors" if config.weight_decay else "")
    label = f"text-book speed-up 1/(1 − β), half times within {WITHIN:.0%}"
    lines = []
    for i, off in enumerate(np.abs(speed * s / grown - 1)):
        far = f"η s = {config.eta * s[i]:.3g} is not far below (1 − β)² = {(1 - config.beta1) ** 2:.3g}"
        why_not = why or (far if off > WITHIN / 2 else "")
        lines.append(
            Prediction(channel="modes", component=i, label=label, values=u[:, i], reference=DERIVED, broken=why_not)
        )
    return lines


def _recursion(config: OptimizerDynamics, steps: np.ndarray) -> np.ndarray:
    """Follow the modes `[T, r]` from the strengths with which they begin to grow."""
    u0 = factorisation.strengths(config)
    return modes.strengths(config, np.maximum(u0, 1e-300) ** (1 / config.depth), np.asarray(steps))


def _band_of_gains(config: OptimizerDynamics, steps: np.ndarray) -> list[Prediction]:
    """Draw the modes at the slowest and at the fastest speed that Newton–Schulz makes of one."""
    ends = [config.replace(orthogonalise="polar", eta=gain * config.eta) for gain in laws.GAINS]
    label = "0.68 to 1.13 of one speed (the gains of Newton–Schulz)"
    return [
        Prediction(channel="modes", component=i, label=label, values=u, reference=DERIVED, kind="band")
        for end in ends for i, u in enumerate(_recursion(end, steps).T)
    ]  # fmt: skip


def _floor(config: OptimizerDynamics, steps: np.ndarray) -> list[Prediction]:
    """Bound the loss of equal steps, which end in hops of a step about the solution, after the last arrival."""
    if not _equal_steps(config) or broken(config):
        return []
    eta, root, t = config.eta * laws.gain(config), np.sqrt(config.values), np.asarray(steps)
    bound = 0.5 * ((2 * root * eta + eta**2) ** 2).sum()
    values = np.where(t > np.abs(root - config.alpha).max() / eta + 1, bound, np.nan)
    label = "½Σ(2√s η + η²)² (steps of one size hop about the solution)"
    return [Prediction(channel="loss", label=label, values=values, reference=DERIVED, kind="upper")]


def _equal_steps(config: OptimizerDynamics) -> bool:
    """Whether two aligned factors move by one size at every step, which never falls."""
    equal = config.method == "sign" or (config.method == "muon" and config.orthogonalise == "polar")
    falls = config.schedule != "constant" or config.warmup or config.weight_decay or config.average != "none"
    alike = len(set(config.shapes)) == 1 or laws.gain(config) == 1
    return equal and alike and not falls and not config.momentum and config.start != "random" and config.depth == 2


def broken(config: OptimizerDynamics) -> str:
    """The first assumption of the mode recursion that does not hold, "" when all do."""
    if config.method in ENTRYWISE and config.start != "diagonal":
        return f"{METHOD_LABELS[config.method]} is an entrywise method in a rotated basis: factors do not stay aligned"
    limit = laws.curvature_limit(config)
    if limit and config.eta > limit:
        return f"η = {config.eta:g} is unstable at the solution: the limit is {limit:.3g}"
    if config.method == "mechanic":
        return "Mechanic's scale amplifies rounding from step to step"
    if config.method == "soap" and len(set(config.values)) < len(config.values):
        return "equal singular values leave SOAP's basis to rounding"
    return "" if config.start != "random" else _unaligned(config)


def _unaligned(config: OptimizerDynamics) -> str:
    if config.method not in ("gd", "heavy_ball", "nesterov", "muon"):
        return f"from a random start {METHOD_LABELS[config.method]} need not align the factors"
    if config.method == "muon" and config.orthogonalise != "polar":
        if config.orthogonalise != "newton_schulz" or config.ns_steps != 5:
            return "the gains of a random start are known of five Newton–Schulz steps, in the run's own precision"
        if config.depth > 2:
            return f"the gains of a random start are known of two factors, and these are {config.depth}"
        if config.values.min() < SEEN * np.linalg.norm(config.values):
            return f"Newton–Schulz leaves singular values below {SEEN:g} of the whole behind"
    if config.depth > 2 and config.method != "muon":
        return f"from a random start {config.depth} factors need not be balanced"
    u0 = factorisation.strengths(config)
    if u0.max() > laws.SMALL * config.values.min():
        return f"α = {config.alpha:g} is not small: modes meet before they are aligned"
    near = laws.learned_together(config)
    return f"s = {near:g} is within a factor {laws.APART} of the one above: they are learned together" if near else ""


def risk_lines(config: OptimizerDynamics, steps: np.ndarray) -> list[Prediction]:
    """Predict the expected risk of a sampled run at steps `[T]` exactly, and where a constant rate ends."""
    predictions = []
    if config.sampling == "sampled" and risk.is_known(config):
        why = "an approximation: the averaged squares are replaced by their mean" if config.method == "adam" else ""
        values = risk.expected(config, np.asarray(steps))
        label = "expected risk, nearly" if why else "exact expected risk"
        predictions.append(_risk_line(label, values, why))
        if not why:
            predictions += _risk_band(config, steps, values)
    decays = config.sampling == "sampled" and config.weight_decay > 0
    if config.method in risk.STEADY and config.schedule == "constant" and config.average == "none" and not decays:
        floor = risk.noise_floor(config)
        if np.isfinite(floor) and floor > 0:
            predictions.append(_risk_line("limit: ½ σ² κ/(1 − κ)", np.full(len(steps), floor), ""))
        predictions += _power_law(config, steps) if config.method == "gd" else []
    return predictions


def _risk_band(config: OptimizerDynamics, steps: np.ndarray, mean: np.ndarray) -> list[Prediction]:
    """Draw two standard deviations of one sampled run about the mean; the lower end where it is positive."""
    off = 2 * risk.spread(config, np.asarray(steps))
    low = np.where(mean > off, mean - off, np.nan)
    label = "mean ± 2 standard deviations (of one sampled run)"
    return [Prediction(channel="risk", label=label, values=values, reference=DERIVED, kind="band")
            for values in (low, mean + off)]  # fmt: skip


INFINITE = 100
"""Factor by which `2 eta t` is above 1 and below `d^a` where d directions count as infinitely many."""


def _power_law(config: OptimizerDynamics, steps: np.ndarray) -> list[Prediction]:
    """Draw the risk without noise in closed form, where `1 << 2 eta t << d^a` and samples are many.

    Of infinitely many directions, less the risk of those beyond the d-th, `½ d^(1-b)/(b-1)`.
    """
    feedback = risk.kappa(config, config.eta)
    if config.noise or config.precondition or feedback > 0.01 or config.source <= 1 or config.warmup:
        return []
    time = 2 * config.eta * np.maximum(np.asarray(steps, float), 1)
    inside = (time > INFINITE) & (time < config.dimension**config.capacity / INFINITE)
    beyond = config.dimension ** (1 - config.source) / (2 * (config.source - 1))
    values = risk.bias(config, np.maximum(np.asarray(steps, float), 1), config.eta) - beyond
    values = np.where(inside, values, np.nan)
    if not inside.any():
        return []
    return [_risk_line("Γ(σ)(2ηt)^{−σ}/2a − d^{1−b}/2(b−1) (with σ = (b − 1)/a)", values, "")]


def _risk_line(label: str, values: np.ndarray, why: str) -> Prediction:
    return Prediction(channel="risk", label=label, values=values, reference=DERIVED, broken=why)


def threshold(config: OptimizerDynamics) -> float:
    """Return the curvature times step size beyond which a method is unstable; 0 where none is known."""
    b = config.beta1
    return {
        "gd": 2.0, "rmsprop": 2.0, "heavy_ball": 2 + 2 * b, "nesterov": (2 + 2 * b) / (1 + 2 * b),
        "adam": (2 + 2 * b) / (1 - b),
    }.get(config.method, 0.0)  # fmt: skip


def edge_lines(config: OptimizerDynamics, steps: np.ndarray) -> list[Prediction]:
    """Draw the threshold of the sharpness at steps `[T]`, and for two parameters the exact maps."""
    predictions, limit = [], threshold(config)
    if limit:
        for channel, value in (("edge_ratio", 1.0), ("sharpness", limit / config.eta)):
            label = f"edge, {limit:.3g}/η" if channel == "sharpness" else "edge"
            predictions.append(
                Prediction(
                    channel=channel, label=label, values=np.full(len(steps), value), reference=CENTRAL,
                    broken=_below_the_edge(config),
                )
            )  # fmt: skip
    plain = config.schedule == "constant" and config.warmup <= 1 and not config.weight_decay
    if config.model == "product" and config.method == "gd" and plain:
        r, length = product_map(config, np.asarray(steps))
        for channel, values in (("residual", r), ("length", length), ("loss", r * r / 2)):
            label = "map of residual and length, exact"
            predictions.append(Prediction(channel=channel, label=label, values=values, reference=DERIVED))
    return predictions


CENTRAL = "J. Cohen et al. 2024 (arXiv 2410.24206)"


def _below_the_edge(config: OptimizerDynamics) -> str:
    if config.model == "product":
        return "a threshold, and no law: here the sharpness lands below it, often far below"
    if config.schedule != "constant":
        return "the step size falls, and the edge rises"
    return "" if config.model == "valley" else "reached only where the sharpness can rise so far"


def product_map(config: OptimizerDynamics, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Follow gradient descent on `½(xy - c)²` in its residual and squared length, `[T]` each.

    `r' = r(1 - eta l) + eta² r² (r + c)`, `l' = l - 4 eta r (r + c) + eta² r² l`; NaN once it diverged.
    """
    c, eta = config.centre, config.eta
    r, length, last = config.product - c, config.sharpness, int(min(np.max(steps, initial=0), modes.LONGEST))
    path = [(r, length)]
    for _ in range(last):
        if abs(r) > 1e30:
            r = length = np.nan
        r, length = (
            r * (1 - eta * length) + eta**2 * r * r * (r + c),
            length - 4 * eta * r * (r + c) + eta**2 * r * r * length,
        )
        path.append((r, length))
    values = np.array(path)[np.minimum(steps, last).astype(int)]
    values[np.asarray(steps) > last] = np.nan
    return values[:, 0], values[:, 1]
