"""Scans for the probe `llc`: what an estimate depends on, besides the temperature: the window and the step size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from engines.loss_landscape.probes.landscape import Eigenvalues, Landscape
from engines.loss_landscape.probes.llc_sampling import llc_values, sample_chains, warm_up

FACTORS = np.geomspace(0.1, 10, 5)
"""Multiples of the window's precision, and of the step size, that are tried."""

LARGEST_KAPPA = 3.9
"""Largest step size that is tried, times the largest curvature: from 4 on steps are unstable."""


def scans(
    landscape: Landscape, spectrum: Eigenvalues, b: float, gamma: float, kappa: float, chains: int, draws: int,
    method: str, source: torch.Generator,
) -> Iterator[tuple[float, dict[str, Any]]]:  # fmt: skip
    """Yield shares, and estimates so far: in wider and narrower windows, then at other step sizes without correction.

    Arrays `[5]` each, NaN where nothing is known yet: `window_*` and `step_*`, with errors and the law of a quadratic.
    """
    plain = "mala" if method == "mala" else "langevin"
    gammas, kappas = gamma * FACTORS, np.minimum(kappa * FACTORS, LARGEST_KAPPA)
    tried = [(each, kappa, method) for each in gammas] + [(gamma, each, plain) for each in kappas]
    estimates = np.full((3, len(tried)), np.nan)
    for done, (precision, size, kind) in enumerate(tried):
        warm = warm_up(landscape, spectrum, torch.tensor([b], dtype=torch.float64), float(precision), chains, source)
        *_, samples = sample_chains(landscape, warm, kind, float(size), 0, draws, source)
        values = llc_values(landscape, warm, samples, spectrum, kind)
        law = values["half_soft_rank"] if done < len(FACTORS) or kind == "mala" else values["euler"]
        estimates[:, done] = values["llc"], values["error"], law
        yield (done + 1) / len(tried), scan_values(gammas, kappas, estimates.copy())


def scan_values(gammas: np.ndarray, kappas: np.ndarray, estimates: np.ndarray) -> dict[str, Any]:
    """Split estimates, errors and laws, `found [3, 10]`, into those of windows and those of step sizes, `[5]` each."""
    windows, steps = np.split(estimates, 2, axis=1)
    return {
        "window_gamma": gammas, "window_llc": windows[0], "window_error": windows[1], "window_quadratic": windows[2],
        "step_kappa": kappas, "step_llc": steps[0], "step_error": steps[1], "step_quadratic": steps[2],
    }  # fmt: skip
