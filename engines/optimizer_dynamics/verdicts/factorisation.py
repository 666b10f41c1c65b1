"""Verdicts on presets of the factorisation: half times, slopes, Newton-Schulz, rotation, weight decay."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from engines.core.analysis.curve_fits import slope
from engines.core.analysis.verdict_helpers import above, below, final, verdict
from engines.core.methods.spectral import phi
from engines.core.protocol.declarations import Verdict
from engines.core.protocol.engine import RunData
from engines.optimizer_dynamics import modes
from engines.optimizer_dynamics.laws import half_times as law_times
from engines.optimizer_dynamics.scenes.factorisation import strengths

LATE = "a whole step at most, and those that a random start takes to align: 0.3 to 3.2 in 400 modes of 80 seeds"
WHOLE = "the first whole step past it: -0.02 to 1.03 in 400 modes of 80 seeds"

SAME = "an exponent near 0: at one rate whatever s; -0.003 to 0.019 over 20 seeds"

ALIGNED = 40
"""Steps by which Muon has aligned a random start: from there on the root of each mode grows by η a step."""


def at_end(run: RunData) -> bool:
    """Whether the run is as long as its preset."""
    return bool(len(run)) and run.preset is not None and run.steps[-1] >= run.preset.steps


def half_times(run: RunData, member: int) -> list[float | None]:
    """Half times of the modes of one member; None while one is not reached before the preset's end."""
    values = (
        [float(t) for t in run["half_time"][-1, member]] if len(run) else [np.nan] * len(run.configs[member].values)
    )
    if at_end(run):  # what was not learned by then is as late as can be
        return [t if np.isfinite(t) else float(10 * run.steps[-1]) for t in values]
    return [t if np.isfinite(t) else None for t in values]


def laws(run: RunData, member: int) -> list[float]:
    """Half times by the law, of the configuration that the preset says."""
    config = run.configs[member]
    return [float(t) for t in law_times(config, strengths(config))]


def over_law(run: RunData, members: Iterable[int]) -> list[float | None]:
    """Half times over those of the law, mode by mode."""
    return [t if t is None else t / law for t, law in _beside(run, members)]


def off_law(run: RunData, members: Iterable[int]) -> list[float | None]:
    """Half times less those of the law, mode by mode, in steps."""
    return [t if t is None else t - law for t, law in _beside(run, members)]


def off_line(run: RunData, members: Iterable[int]) -> list[float | None]:
    """Half times less those of a line from step `ALIGNED`, along which the root of a mode grows by η, in steps."""
    ratios: list[float | None] = []
    for i in members:
        steps, u = run.curve("modes", i)
        if not len(steps) or steps[-1] < ALIGNED:
            return [None]
        at = int(np.searchsorted(steps, ALIGNED))
        values = run.configs[i].values
        line = steps[at] + (np.sqrt(values / 2) - np.sqrt(u[at].clip(0))) / run.configs[i].eta
        ratios += [t if t is None else t - float(end) for t, end in zip(half_times(run, i), line, strict=True)]
    return ratios


def _beside(run: RunData, members: Iterable[int]) -> list[tuple[float | None, float]]:
    return [(t, law) for i in members for _, t, law in _due(run, i)]


def _due(run: RunData, member: int) -> list[tuple[float, float | None, float]]:
    """Singular value, half time and that of the law, of the modes that are learned or should be by the preset's end.

    The weakest start of 40 was due at step 2043 of 2000.
    """
    end = run.steps[-1] if at_end(run) else np.inf
    beside = zip(run.configs[member].values, half_times(run, member), laws(run, member), strict=True)
    return [(s, t, law) for s, t, law in beside if not (law > end and t is not None and t > end)]


def half_time_slope(run: RunData, member: int) -> float | None:
    """Slope of the logarithm of the half times over that of the singular values; NaN where a mode was never learned."""
    values, times, _ = zip(*_due(run, member), strict=True)
    if None in times:
        return None
    if at_end(run) and max(times) > run.steps[-1]:  # type: ignore[type-var]
        return float("nan")
    return slope(np.log(values), np.log(times), fewest=2)  # type: ignore[arg-type]


def opening(run: RunData) -> list[Verdict]:
    """Judge O0: gradient descent learns large modes first, Muon small ones, both as the laws say."""
    gd, muon = run.where(method="gd"), run.where(method="muon")
    return [
        verdict("gradient descent: half times over ln(s/u₀ − 1)/2 ln(1 + ηs)", over_law(run, gd), 1.0, 0.01),
        verdict("Muon: half times less (√(s/2) − √u₀)/η", off_law(run, muon), 2.0, 2.0, LATE),
        verdict("Muon: half times less t + (√(s/2) − √uₜ)/η, t = 40", off_line(run, muon), 0.5, 0.6, WHOLE),
        verdict("gradient descent: slope of log t over log s", [half_time_slope(run, i) for i in gd], -0.9, 0.07),
        verdict("Muon: slope of log t over log s", [half_time_slope(run, i) for i in muon], 0.5, 0.03),
    ]


TABLE = {
    "gd": ("gradient descent", 0.01, 0.01),
    "muon": ("Muon", 0.01, 0.01),
    "shampoo": ("Shampoo", 0.02, 0.05),
    "soap": ("SOAP", 0.02, 0.08),
    "scaled_gd": ("ScaledGD", 0.02, 0.03),
}
"""Names of methods, and tolerances of the slope and of half times over the law."""


def method_laws(run: RunData) -> list[Verdict]:
    """Judge O1: five methods, five laws, with slopes of about -1, 1/2, 1, 1/2 and 0."""
    verdicts = []
    for method, (name, off, within) in TABLE.items():
        members = run.where(method=method)
        s = run.configs[members[0]].values
        exponent = slope(np.log(s), np.log(laws(run, members[0])), fewest=2) or 0.0  # there is one: laws are finite
        reason = SAME if method == "scaled_gd" else ""
        slopes = [half_time_slope(run, i) for i in members]
        verdicts.append(verdict(f"{name}: slope of log t over log s", slopes, exponent, off, reason))
        verdicts.append(verdict(f"{name}: half times over the law", over_law(run, members), 1.0, within))
    return verdicts


def depths(run: RunData) -> list[Verdict]:
    """Judge O2: a third factor lengthens the plateaus of gradient descent, and not those of Muon."""
    gd, muon = (run.where(method=name, depth=3) for name in ("gd", "muon"))
    shallow = run.where(method="gd", depth=2)
    slow = [_times(a, b) for i, j in zip(gd, shallow, strict=True)
            for a, b in [(half_times(run, i)[-1], half_times(run, j)[-1])]]  # fmt: skip
    return [
        verdict("gradient descent, L = 3: half times over the law", over_law(run, gd), 1.0, 0.015),
        verdict(
            "Muon, L = 3: half times less ((s/2)^{1/3} − α)/η",
            off_law(run, muon),
            0.5,
            0.51,
            "the first whole step past it: 0.00 to 1.00 in 100 modes of 20 seeds",
        ),
        verdict("gradient descent: smallest mode, L = 3 over L = 2", slow, 4.3, 0.1),
    ]


def _times(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a / b


def newton_schulz(run: RunData) -> list[Verdict]:
    """Judge O3: five quintic steps leave small singular values behind, and a weak staircase returns."""
    members = range(len(run.configs))
    s = run.configs[0].values
    gains = phi(torch.tensor(s / (np.linalg.norm(s)))).numpy()
    first = [
        [float(x) - float(g) for x, g in zip(run["update_spectrum"][0, i][: len(s)], gains, strict=True)]
        if len(run) else [None] for i in members
    ]  # fmt: skip
    start = np.full(len(s), run.configs[0].alpha)
    recursion = modes.half_times(run.configs[0], start, run.preset.steps if run.preset else 1500)
    beside = [pair for i in members for pair in zip(half_times(run, i), recursion, strict=True)]
    # Where the strongest mode has crossed its gradient is small, and the polynomial amplifies what rounding leaves.
    early = [t if t is None else t - float(law) for t, law in beside if law <= recursion[0]]
    late = [t if t is None else t / float(law) for t, law in beside if recursion[0] < law < np.inf]
    return [
        verdict("first update over η, less φ₅ of the gradient", [x for one in first for x in one], 0.0, 0.001,
                "φ₅ of a gradient that is the target but for α²: −0.0005 to 0.0001 in 120 directions of 20 seeds"),
        verdict("half times up to that of the strongest mode, less those of the mode recursion", early, 0.0, 0.5,
                "the same whole steps: 0 in 160 modes of 40 seeds"),
        verdict("half times after it, over those of the mode recursion", late, 0.998, 0.006),
    ]  # fmt: skip


def rotation(run: RunData) -> list[Verdict]:
    """Judge O4: entrywise methods see the basis, SOAP does not."""
    turned, straight = run.where(method="soap", start="aligned"), run.where(method="adam", start="diagonal")
    pairs = [
        (a, b) for i, j in zip(turned, straight, strict=True)
        for a, b in zip(half_times(run, i), half_times(run, j), strict=True)
    ]  # fmt: skip
    late = [None if a is None or b is None else a - b for a, b in pairs]
    return [
        verdict("SOAP rotated less Adam in the basis: half times", late, 1.0, 0.25,
                "SOAP's first step is idle, and these are whole steps: 1 in 100 modes of 20 seeds"),
        above("sign, rotated: largest share off the modes", _largest(run, "sign", "aligned"), 0.02),
        below("sign, in the basis: largest share off the modes", _largest(run, "sign", "diagonal"), 1e-7),
        verdict("sign, in the basis: half times less the law", off_law(run, run.where(method="sign", start="diagonal")),
                0.5, 0.5, "the first whole step past it: 0.03 to 0.67 in 100 modes of 20 seeds"),
    ]  # fmt: skip


def _largest(run: RunData, method: str, start: str) -> list[float | None]:
    members = run.where(method=method, start=start)
    return [float(np.nanmax(run["share_off"][:, i])) if at_end(run) else None for i in members]


def decay_cap(run: RunData) -> list[Verdict]:
    """Judge O5: decoupled decay stops Muon's factors at 1/decay."""
    members = range(len(run.configs))
    factors = [run["factor_spectrum"][-1, i] if at_end(run) else None for i in members]
    tops = [None if f is None else float(x) for f in factors for x in (f[:2] if f is not None else [0])]
    third = [None if f is None else float(f[2]) for f in factors]
    strongest = [float(run["modes"][-1, i, 0]) if final(run, "loss", i) is not None else None for i in members]
    return [
        verdict("two largest singular values of W₁: 1/decay", tops, 1.25, 0.01),
        verdict("third: the root of s = 1, below the cap", third, 1.0, 0.01),
        verdict("strength of the first mode: 1/decay²", strongest, 1.5625, 0.02),
    ]
