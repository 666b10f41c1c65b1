"""From losses of chains to the coefficient: its error, its bias by the step size, and what it should be."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines.loss_landscape.learning_coefficient import diagnostics
from engines.loss_landscape.learning_coefficient.finite_temperature import known
from engines.loss_landscape.learning_coefficient.llc import Estimate, estimate, richardson
from engines.loss_landscape.learning_coefficient.quadratic_predictions import euler
from engines.loss_landscape.learning_coefficient.temperature_sweep import plateau
from engines.loss_landscape.probes.chains import Begun, Sampled
from engines.loss_landscape.probes.eigenvalues import Eigenvalues
from engines.loss_landscape.probes.landscape import Landscape

FEWEST = 10
"""Draws from which on there is an estimate."""

CONVERGED = 1.05
"""R-hat up to which chains agree; Gelman et al. 2013."""

SHOWN = 500
"""Points of a trace."""


def values(one: Landscape, begun: Begun, seen: Sampled, found: Eigenvalues, method: str) -> dict[str, Any]:
    """All figures and curves; of several temperatures those of the middle one, and the sweep."""
    k = len(begun.b) // 2
    baseline = float(one.loss(one.star))
    each = [estimate(seen.losses[seen.burn :, :, s], begun.b[:, None], baseline) for s in range(seen.eta.shape[1])]
    best = richardson(each[0], each[1]) if method == "richardson" else each[0]
    half = found.count(begun.b, begun.gamma).count / 2
    figures = {
        "llc": float(best.value[k]), "error": float(best.error[k]), **bias(best, each, seen, found, begun, method, k),
        "half_soft_rank": float(half[k]), **closed(one, begun, k), **settled(one, begun, seen, k),
        **({"acceptance": float(seen.acceptance[k, 0])} if method == "mala" else {}),
        "parameters": one.P, "n_beta": float(begun.b[k]), "step_size": float(seen.eta[k, 0]), "burn_in": seen.burn,
    }  # fmt: skip
    curves = running(seen, begun, baseline, method, k, figures) | traces(seen, baseline, k)
    return figures | curves | (sweep(begun, best, half) if len(begun.b) > 1 else {})


def bias(
    best: Estimate, each: list[Estimate], seen: Sampled, found: Eigenvalues, begun: Begun, method: str, k: int
) -> dict[str, Any]:
    """Estimates at each step size, the law of a quadratic beside them, and what the last of them has too much.

    Of MALA no bias; of Langevin steps that of the law, as far as the spectrum is known.
    """
    h, b, gamma, eta = found.seen.nodes[0], begun.b[k], begun.gamma, seen.eta[k]
    sizes = torch.linspace(0, float(eta[0]), 50, dtype=h.dtype)
    law = [float(euler(h, b, gamma, at)) if found.dense else float("nan") for at in sizes]
    names = ("coarse", "fine") if method == "richardson" else ("",)
    own = {f"{name}{part}": float(value[k]) for name, one in zip(names, each, strict=True) if name
           for part, value in (("", one.value), ("_error", one.error))}  # fmt: skip
    excess = {"richardson": float((each[-1].value - best.value)[k]), "mala": 0.0}.get(method, law[-1] - law[0])
    points = [*([(0.0, best)] if method != "langevin" else []), *zip(eta.tolist(), each, strict=True)]
    points = points if method == "richardson" else points[:1]
    return own | {
        "bias": excess, "euler": float("nan") if method == "mala" else law[-1], "law_sizes": sizes.numpy(),
        "law": np.array(law), "step_sizes": np.array([at for at, _ in points]),
        "estimates": np.array([float(one.value[k]) for _, one in points]),
        "estimate_errors": np.array([float(one.error[k]) for _, one in points]),
    }  # fmt: skip


def closed(one: Landscape, begun: Begun, k: int) -> dict[str, Any]:
    """What is known of it; {} where nothing is."""
    exact = known(one.config, float(begun.b[k]), begun.gamma)
    return {} if exact is None else {
        "known": exact.value, "known_limit": exact.limit, "multiplicity": exact.multiplicity
    }  # fmt: skip


def settled(one: Landscape, begun: Begun, seen: Sampled, k: int) -> dict[str, Any]:
    """Whether the chains of the last step size have settled, and what holds them."""
    losses, distances = seen.losses[seen.burn :, k, -1], seen.distances[seen.burn :, k, -1]
    moved, agreed, b = diagnostics.drift(losses), float(diagnostics.r_hat(losses)), float(begun.b[k])
    return {
        "drift": b * float(moved.value), "drift_error": b * float(moved.error), "r_hat": agreed,
        "settled": bool(moved.settled) and agreed < CONVERGED,
        "fill": float(diagnostics.fill(distances, begun.gamma, one.P)),
        "distance": float(distances.mean().sqrt()), "stiffness": b * begun.h_max / begun.gamma,
        "curvature_at_w": begun.h_max, "curvature_around": float(begun.curvature[k]),
    }  # fmt: skip


def running(
    seen: Sampled, begun: Begun, baseline: float, method: str, k: int, figures: dict[str, Any]
) -> dict[str, np.ndarray]:
    """The estimate from the first draws on, and the lines that it should come to."""
    rise = begun.b[k] * (seen.losses[seen.burn :, k].mean(-1) - baseline)
    drawn = torch.arange(1, len(rise) + 1)
    mean = rise.cumsum(0) / drawn[:, None]
    line = (4 * mean[:, 1] - mean[:, 0]) / 3 if method == "richardson" else mean[:, 0]
    flat = np.ones(len(at := thinned(drawn)))
    return {
        "drawn": at, "running": thinned(line), "running_quadratic": flat * figures["half_soft_rank"],
        "running_known": flat * figures.get("known", np.nan),
    }  # fmt: skip


def traces(seen: Sampled, baseline: float, k: int) -> dict[str, np.ndarray]:
    """Mean losses of the chains, burn-in before step 1."""
    mean = seen.losses[:, k].mean(-1)
    at = thinned(torch.arange(1, len(mean) + 1) - seen.burn)
    fine = thinned(mean[:, 1]) if mean.shape[1] > 1 else np.full(len(at), np.nan)
    return {"at_step": at, "loss_mean": thinned(mean[:, 0]), "loss_fine": fine, "baseline": np.full(len(at), baseline)}


def thinned(line: Tensor) -> np.ndarray:
    """At most `SHOWN` of its points, the last one among them."""
    return line[torch.linspace(0, len(line) - 1, min(SHOWN, len(line))).round().long()].numpy()


def sweep(begun: Begun, best: Estimate, half: Tensor) -> dict[str, Any]:
    """The estimates over temperatures, and where they stand still; NaN where they nowhere do."""
    b, value, error = (one.numpy() for one in (begun.b, best.value, best.error))
    still = plateau(b, value, error) if np.isfinite(value).all() and (error > 0).all() else None
    missing = float("nan")
    return {
        "sweep_beta": b, "sweep_llc": value, "sweep_error": error, "sweep_quadratic": half.numpy(),
        "plateau": still.value if still else missing, "plateau_error": still.error if still else missing,
        "plateau_decades": still.decades if still else 0.0,
    }  # fmt: skip
