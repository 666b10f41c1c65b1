"""Chains around w* for the probe `llc`: warm-up, sampling, and the values that are made of their losses."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, isfinite
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.hessian.lanczos import rademacher
from engines.loss_landscape.learning_coefficient import llc
from engines.loss_landscape.learning_coefficient.closed_form import exact_coefficient
from engines.loss_landscape.learning_coefficient.llc import Estimate, estimate_llc, plateau, richardson
from engines.loss_landscape.learning_coefficient.quadratic_predictions import euler
from engines.loss_landscape.learning_coefficient.samplers import (
    ChainPoint,
    ChainTrace,
    Kernel,
    Window,
    burn_in,
    init_state,
    langevin_kernel,
    largest_curvature,
    mala_kernel,
    normals_like,
    run_chains,
    step_size,
    window,
)
from engines.loss_landscape.probes.landscape import Eigenvalues, Landscape

PILOT_STEPS, PILOT_ACCEPTANCE = 150, 0.8
"""Steps of the pilot, and the acceptance to which its step size is adapted."""

QUADRATIC_UP_TO = 1.5
"""Factor between loss and quadratic approximation up to which chains begin as draws of the latter."""

STIFF = (0, 1, 10, 100)
"""Stiffness `b h/gamma` of the directions that are drawn so: tried in turn, from all directions to the stiffest."""

BLOCKS = 25
"""Blocks of steps, after each of which values are shown."""

MAX_NUMBERS = 3e8
"""Most numbers that the outputs of all chains may take."""


class WarmChains(NamedTuple):
    """Chains at K temperatures after the pilot, before the steps that count."""

    b: Tensor
    """Inverse temperatures, ascending, `[K]`."""
    gamma: float
    """Precision of the window."""
    theta: Tensor
    """`[K, C, P]`."""
    settled: bool
    """Whether they began as draws of the quadratic approximation in all directions, at all temperatures."""
    curvature: Tensor
    """Mean largest curvature where they are, `[K]`."""
    h_max: float
    """Largest curvature at w*."""


class ChainSamples(NamedTuple):
    """Losses and distances of chains at K temperatures and S step sizes so far."""

    eta: Tensor
    """Step sizes, `[K, S]`."""
    burn: int
    """Number of steps of burn-in."""
    full: int
    """Number of steps that four relaxations of the window would take."""
    losses: Tensor
    """Losses, burn-in included, `[T, K, S, C]`."""
    distances: Tensor
    """Squared distances from w*, `[T, K, S, C]`."""
    acceptance: Tensor
    """`[K, S]`."""


def require_memory(landscape: Landscape, chains: int) -> None:
    """Raise `ConfigError` for more chains than memory holds."""
    outputs = landscape.outputs(landscape.star).numel() if landscape.outputs else landscape.n
    size = chains * (landscape.P + max(outputs, landscape.kept))
    if size > MAX_NUMBERS:
        raise ConfigError(
            f"{chains} chains need {size:.1e} numbers at once, at most {MAX_NUMBERS:.0e} are held: take fewer"
        )


def warm_up(
    landscape: Landscape, spectrum: Eigenvalues, b: Tensor, gamma: float, C: int, source: torch.Generator
) -> WarmChains:
    """Move chains to where the density is: a pilot of MALA, its step size adapted.

    From draws of the quadratic approximation, in all directions or in stiff ones, where the loss is close to it; else
    from w*. Temperatures `b [K]`, C chains. Raises `ConfigError` for a curvature that is no number.
    """
    if not isfinite(spectrum.largest * float(b.max())):
        raise ConfigError(f"the curvature at w* is {spectrum.largest:g}: no step is small enough; scale the samples")
    w = window(landscape.star, b[:, None], gamma)
    theta, settled = _laplace_draws(landscape, spectrum, w, C, source)
    h_max = max(0.0, spectrum.largest)
    eta = step_size(torch.full_like(w.b, h_max), w.b, gamma, 0.5)
    state = init_state(landscape.loss, theta)
    for t in range(PILOT_STEPS):
        state = mala_kernel(landscape.loss, w, eta, source)(state)
        eta = eta * ((state.accepted.mean(-1, keepdim=True) - PILOT_ACCEPTANCE) / (1 + t / 10) ** 0.5).exp()
    curvature = largest_curvature(landscape.loss, state.theta, rademacher(source, *state.theta.shape), 10)
    return WarmChains(b, gamma, state.theta, settled, curvature.clamp_min(0).mean(-1), h_max)


def _laplace_draws(
    landscape: Landscape, spectrum: Eigenvalues, w: Window, C: int, source: torch.Generator
) -> tuple[Tensor, bool]:
    """Draws `[K, C, P]` of the quadratic approximation, or w*, and whether all directions were drawn."""
    star = landscape.star.expand(len(w.b), C, -1)
    if spectrum.vectors is None:
        return star, False
    pull = w.b * spectrum.quadrature.nodes[0].clamp_min(0)
    drawn = normals_like(star, source) / (pull + w.gamma).sqrt()[:, None]
    for stiff in STIFF:
        kept = pull >= stiff * w.gamma
        theta = star + drawn * kept[:, None] @ spectrum.vectors.mT
        rise = (w.b * (landscape.loss(theta) - landscape.loss(landscape.star))).mean(-1)
        foretold = (kept * pull / (pull + w.gamma)).sum(-1) / 2
        if bool(((rise < QUADRATIC_UP_TO * foretold) & (rise > foretold / QUADRATIC_UP_TO)).all()):
            return theta, stiff == 0
    return star, False


def sample_chains(
    landscape: Landscape, warm: WarmChains, method: str, kappa: float, burn: int, draws: int, source: torch.Generator
) -> Iterator[ChainSamples]:
    """Sample with steps of `kappa/(b h + gamma)` from warm chains, for Richardson also with a quarter of that.

    Yields all samples so far after each block of steps.
    """
    h = warm.curvature.clamp_min(warm.h_max)
    eta = step_size(h, warm.b, warm.gamma, kappa)[:, None] * torch.tensor([1, 0.25] if method == "richardson" else [1])
    full = burn_in(float(eta.min()), warm.gamma)
    burn = burn or min(full, draws // 4 if warm.settled else 2 * draws)
    w = window(landscape.star, warm.b[:, None, None], warm.gamma)
    step = (mala_kernel if method == "mala" else langevin_kernel)(landscape.loss, w, eta[..., None], source)
    state = init_state(landscape.loss, warm.theta[:, None].expand(-1, eta.shape[1], -1, -1))
    traces: list[ChainTrace] = []
    for trace in _blocks(step, state, burn + draws, landscape.star):
        traces.append(trace)
        losses, distances = (torch.cat([getattr(part, name) for part in traces]) for name in ("losses", "distances"))
        accepted = torch.stack([part.acceptance for part in traces]).mean(0).mean(-1)
        yield ChainSamples(eta, burn, full, losses, distances, accepted)


def _blocks(step: Kernel, state: ChainPoint, steps: int, star: Tensor) -> Iterator[ChainTrace]:
    size, done = ceil(steps / BLOCKS), 0
    while done < steps:
        now = min(size, steps - done)
        state, trace = run_chains(step, state, now, star)
        done += now
        yield trace


FEWEST_DRAWS = 10
"""Draws from which on there is an estimate."""

CONVERGED = 1.05
"""R-hat up to which chains agree; Gelman et al. 2013."""

POINTS_SHOWN = 500
"""Most points of a trace."""


def llc_values(
    landscape: Landscape, warm: WarmChains, samples: ChainSamples, spectrum: Eigenvalues, method: str
) -> dict[str, Any]:
    """All figures and curves; of several temperatures those of the middle one, and the sweep."""
    k = len(warm.b) // 2
    baseline = float(landscape.loss(landscape.star))
    each = [
        estimate_llc(samples.losses[samples.burn :, :, s], warm.b[:, None], baseline)
        for s in range(samples.eta.shape[1])
    ]
    best = richardson(each[0], each[1]) if method == "richardson" else each[0]
    half = spectrum.count(warm.b, warm.gamma).count / 2
    figures = {
        "llc": float(best.value[k]), "error": float(best.error[k]),
        **bias_values(best, each, samples, spectrum, warm, method, k),
        "half_soft_rank": float(half[k]), **exact_values(landscape, warm, k),
        **convergence_values(landscape, warm, samples, k),
        **({"acceptance": float(samples.acceptance[k, 0])} if method == "mala" else {}),
        "parameters": landscape.P, "n_beta": float(warm.b[k]), "step_size": float(samples.eta[k, 0]),
        "burn_in": samples.burn,
    }  # fmt: skip
    curves = running_estimate(samples, warm, baseline, method, k, figures) | loss_traces(samples, baseline, k)
    return figures | curves | (sweep_values(warm, best, half) if len(warm.b) > 1 else {})


def bias_values(
    best: Estimate,
    each: list[Estimate],
    samples: ChainSamples,
    spectrum: Eigenvalues,
    warm: WarmChains,
    method: str,
    k: int,
) -> dict[str, Any]:
    """Estimates at each step size, the law of a quadratic beside them, and the bias of the last of them.

    Of MALA no bias; of Langevin steps that of the law, as far as the spectrum is computed.
    """
    h, b, gamma, eta = spectrum.quadrature.nodes[0], warm.b[k], warm.gamma, samples.eta[k]
    sizes = torch.linspace(0, float(eta[0]), 50, dtype=h.dtype)
    law = [float(euler(h, b, gamma, at)) if spectrum.dense else float("nan") for at in sizes]
    names = ("coarse", "fine") if method == "richardson" else ("",)
    named = {f"{name}{part}": float(value[k]) for name, one in zip(names, each, strict=True) if name
           for part, value in (("", one.value), ("_error", one.error))}  # fmt: skip
    excess = {"richardson": float((each[-1].value - best.value)[k]), "mala": 0.0}.get(method, law[-1] - law[0])
    points = [*([(0.0, best)] if method != "langevin" else []), *zip(eta.tolist(), each, strict=True)]
    points = points if method == "richardson" else points[:1]
    return named | {
        "bias": excess, "euler": float("nan") if method == "mala" else law[-1], "euler_step_sizes": sizes.numpy(),
        "euler_curve": np.array(law), "step_sizes": np.array([at for at, _ in points]),
        "estimates": np.array([float(one.value[k]) for _, one in points]),
        "estimate_errors": np.array([float(one.error[k]) for _, one in points]),
    }  # fmt: skip


def exact_values(landscape: Landscape, warm: WarmChains, k: int) -> dict[str, Any]:
    """Exact coefficient of the configuration; {} where it has none."""
    exact = exact_coefficient(landscape.config, float(warm.b[k]), warm.gamma)
    return {} if exact is None else {
        "exact_llc": exact.value, "exact_llc_limit": exact.limit, "multiplicity": exact.multiplicity
    }  # fmt: skip


def convergence_values(landscape: Landscape, warm: WarmChains, samples: ChainSamples, k: int) -> dict[str, Any]:
    """Whether the chains of the last step size have settled, and whether the window or the loss confines them."""
    losses, distances = samples.losses[samples.burn :, k, -1], samples.distances[samples.burn :, k, -1]
    moved, agreed, b = llc.drift(losses), float(llc.r_hat(losses)), float(warm.b[k])
    return {
        "drift": b * float(moved.value), "drift_error": b * float(moved.error), "r_hat": agreed,
        "effective_draws": float(llc.effective_sample_size(losses)),
        "settled": bool(moved.settled) and agreed < CONVERGED,
        "window_fill": float(llc.window_fill(distances, warm.gamma, landscape.P)),
        "distance": float(distances.mean().sqrt()), "stiffness": b * warm.h_max / warm.gamma,
        "curvature_at_w": warm.h_max, "curvature_around": float(warm.curvature[k]),
    }  # fmt: skip


def running_estimate(
    samples: ChainSamples, warm: WarmChains, baseline: float, method: str, k: int, figures: dict[str, Any]
) -> dict[str, np.ndarray]:
    """Estimate from the first draws on, at N draws `[N]`, and the lines that it should come to, `[N]` each.

    Of the chains at temperature number k; N is at most `POINTS_SHOWN`.
    """
    rise = warm.b[k] * (samples.losses[samples.burn :, k].mean(-1) - baseline)
    drawn = torch.arange(1, len(rise) + 1)
    mean = rise.cumsum(0) / drawn[:, None]
    line = (4 * mean[:, 1] - mean[:, 0]) / 3 if method == "richardson" else mean[:, 0]
    flat = np.ones(len(at := thinned(drawn)))
    return {
        "draw": at, "running": thinned(line), "running_quadratic": flat * figures["half_soft_rank"],
        "running_exact": flat * figures.get("exact_llc", np.nan),
    }  # fmt: skip


def loss_traces(samples: ChainSamples, baseline: float, k: int) -> dict[str, np.ndarray]:
    """Mean losses `[N]` of the chains at temperature number k, at steps `[N]`; burn-in comes before step 1."""
    mean = samples.losses[:, k].mean(-1)
    at = thinned(torch.arange(1, len(mean) + 1) - samples.burn)
    fine = thinned(mean[:, 1]) if mean.shape[1] > 1 else np.full(len(at), np.nan)
    return {
        "trace_step": at,
        "loss_mean": thinned(mean[:, 0]),
        "loss_fine": fine,
        "baseline": np.full(len(at), baseline),
    }


def thinned(line: Tensor) -> np.ndarray:
    """Thin a `line [N]` to at most `POINTS_SHOWN` points, evenly, the first and the last one among them."""
    return line[torch.linspace(0, len(line) - 1, min(POINTS_SHOWN, len(line))).round().long()].numpy()


def sweep_values(warm: WarmChains, best: Estimate, half: Tensor) -> dict[str, Any]:
    """Estimates at K temperatures, `[K]`, with errors and the law of a quadratic, and their plateau; NaN without one.

    half: half the soft rank at each temperature, `[K]`.
    """
    b, value, error = (one.numpy() for one in (warm.b, best.value, best.error))
    constant = plateau(b, value, error) if np.isfinite(value).all() and (error > 0).all() else None
    missing = float("nan")
    return {
        "sweep_beta": b, "sweep_llc": value, "sweep_error": error, "sweep_quadratic": half.numpy(),
        "plateau": constant.value if constant else missing, "plateau_error": constant.error if constant else missing,
        "plateau_decades": constant.decades if constant else 0.0,
    }  # fmt: skip
