"""Verdicts on the preset about sample sizes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engines.core.analysis.verdict_helpers import above, below, finals, verdict
from engines.core.protocol.declarations import Verdict
from engines.core.protocol.engine import RunData
from engines.subgradient_recovery.verdicts.common import ERROR

SUCCESS = 1e-2
"""Relative error below which a run counts as a success."""


def samples(run: RunData) -> list[Verdict]:
    """Judge SG-12: successes by sample size and search rank."""
    small = _successes(run, [i for i, c in enumerate(run.configs) if c.alpha < 0.1 and c.k > c.r])
    large = _successes(run, [i for i, c in enumerate(run.configs) if c.alpha >= 0.1])
    medians = _medians(run, [i for i, c in enumerate(run.configs) if c.alpha < 0.1 and c.k >= 6])
    differ = None if small is None else max(max(row) - min(row) for row in small.values())
    falls = None if large is None else min(float(-step) for row in large.values() for step in np.diff(row))
    return [
        below("small start: largest difference of successes between k = 3 … 30", [differ], 1.5),
        verdict("small start: largest spread of medians between k = 6, 15, 30", [medians], 1.0, 0.25),
        above("large start: smallest fall of successes with k", [falls], -0.5),
        above("large start, k = r, m ≥ 6 dr: share of successes", [_share(run, 2, 1.0)], 0.9),
        below("large start, k = 30, m ≤ 6 dr: share of successes", [_share(run, 30, 1.0)], 0.5),
    ]


def _is_complete(run: RunData, members: Sequence[int]) -> bool:
    return bool(members) and all(value is not None for value in finals(run, ERROR, members))


def _successes(run: RunData, members: Sequence[int]) -> dict[int, list[int]] | None:
    """Numbers of successes by increasing k, for each m; None while the run is too short."""
    if not _is_complete(run, members):
        return None
    configs, errors = run.configs, dict(zip(members, finals(run, ERROR, members), strict=True))
    widths = sorted({configs[i].k for i in members})
    return {
        m: [sum(errors[i] < SUCCESS for i in members if (configs[i].m, configs[i].k) == (m, k)) for k in widths]  # type: ignore[operator]
        for m in sorted({configs[i].m for i in members})
    }


def _medians(run: RunData, members: Sequence[int]) -> float | None:
    """Largest spread over k of the median error at one m; None while the run is too short."""
    if not _is_complete(run, members):
        return None
    errors = np.array(finals(run, ERROR, members), float)
    sizes, widths = (np.array([getattr(run.configs[i], name) for i in members]) for name in ("m", "k"))
    table = [[np.median(errors[(sizes == m) & (widths == k)]) for k in np.unique(widths)] for m in np.unique(sizes)]
    return float(max(max(row) / min(row) for row in table))


def _share(run: RunData, k: int, alpha: float) -> float | None:
    members = [i for i in run.where(k=k, alpha=alpha) if (run.configs[i].m >= 360) == (k == 2)]
    if not _is_complete(run, members):
        return None
    return float(np.mean(np.array(finals(run, ERROR, members), float) < SUCCESS))
