"""Probe of the local learning coefficient: an estimate with its error, its bias, predictions and warnings."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from math import isfinite, log
from typing import Any

import torch
from torch import Tensor

from engines.core.protocol.config import Knob
from engines.core.protocol.engine import Part, Probe, RunData
from engines.core.protocol.errors import ConfigError, UnknownName
from engines.core.protocol.probe_figures import Lines, Trace
from engines.loss_landscape.models.network_at_step import NetworkAtStep, network_of_run
from engines.loss_landscape.probes import llc_sampling, llc_scans
from engines.loss_landscape.probes.landscape import Eigenvalues, Landscape, hessian_spectrum, landscape, restricted
from engines.loss_landscape.probes.llc_sampling import CONVERGED, ChainSamples, WarmChains

WEAK_PULL, FULL_WINDOW = 10.0, 0.9
"""Least `b h/gamma`, h the largest curvature, and largest window fill, between which the loss confines the chains."""


def llc_note(
    landscape: Landscape,
    warm: WarmChains,
    samples: ChainSamples,
    spectrum: Eigenvalues,
    values: dict[str, Any],
    method: str,
) -> str:
    """Note for a reader: warnings as sentences."""
    messages = [
        *_value_notes(landscape, warm.gamma, values),
        *_bias_notes(values, method),
        *_chain_notes(warm, samples, values),
    ]
    messages.append(spectrum.note(values["n_beta"], warm.gamma))
    messages.append(landscape.note)
    return "".join(f"{text[0].upper()}{text[1:]}. " for text in messages if text).strip()


def _value_notes(landscape: Landscape, gamma: float, values: dict[str, Any]) -> list[str]:
    """Warnings about the number itself."""
    messages = []
    if not isfinite(values["llc"]):
        messages.append(
            "chains left the finite numbers: the step size is too large for this loss; take a smaller kappa"
        )
    elif values["llc"] < 0:
        messages.append("the estimate is negative: w* is no minimum of this loss, and chains found lower ones")
    if landscape.outputs is None and landscape.labelled:
        messages.append(
            "cross-entropy on labels saturates as logits grow: its coefficient falls to 0 without any structural "
            "reason; the behavioural loss has no such fall"
        )
    pull = values["n_beta"] * max(values["curvature_at_w"], values["curvature_around"])
    if pull < WEAK_PULL * gamma or values["window_fill"] > FULL_WINDOW:
        messages.append("the window holds the chains more than the loss does: the estimate says little, raise b")
    return messages


def _bias_notes(values: dict[str, Any], method: str) -> list[str]:
    """Warnings about the bias by the step size."""
    messages = []
    if values["curvature_around"] > 2 * values["curvature_at_w"]:
        messages.append(
            f"the loss curves {values['curvature_around']:.2g} where the chains are and {values['curvature_at_w']:.2g} "
            "at w*: a singular or deep model, the step size was taken from the former"
        )
    if method == "langevin":
        messages.append(
            "plain Langevin steps are biased upwards, most on deep and singular models: compare richardson or mala"
        )
    if method == "richardson" and abs(values["coarse"] - values["fine"]) > 0.1 * abs(values["llc"]):
        messages.append(
            f"two step sizes differ by {values['coarse'] - values['fine']:.2g}: their extrapolation is rough, take a "
            "smaller kappa"
        )
    if method == "mala":
        messages.append(f"{values['acceptance']:.0%} of the steps were accepted, which does not show that chains mixed")
    return messages


def _chain_notes(warm: WarmChains, samples: ChainSamples, values: dict[str, Any]) -> list[str]:
    """Warnings about how far chains have explored."""
    messages = []
    if samples.burn < samples.full and not warm.settled:
        messages.append(
            f"burn-in was {samples.burn} steps where four relaxations of the window take {samples.full}: soft "
            "directions are not filled yet, and the estimate is low by what they add"
        )
    if not values["settled"] and values["llc"] < values["half_soft_rank"] / 2:
        messages.append(
            "the chains have hardly left w*, so that the estimate is far too low: take more draws, a narrower window "
            "(larger gamma), or MALA with a larger kappa"
        )
    if not abs(values["drift"]) < 2 * values["drift_error"]:
        messages.append(f"chains still drift, by {values['drift']:.2g} ± {values['drift_error']:.1g}")
    if not values["r_hat"] < CONVERGED:
        messages.append(f"chains do not agree yet, R-hat is {values['r_hat']:.3g}: more draws")
    if values.get("plateau_decades") == 0.0:
        messages.append("the estimates stand still at no temperature: there is no single number")
    return messages


DECADES, TEMPERATURES = 2.0, 5
"""Decades and number of temperatures of a sweep around the one that is asked for."""


def llc(
    run: RunData, member: int, step: int = -1, n_beta: float = 0.0, beta: float = 0.0, gamma: float = 1.0,
    chains: int = 16, draws: int = 500, burn_in: int = 0, method: str = "richardson", loss: str = "behavioural",
    kappa: float = 0.05, seed: int = 0, sweep: bool = False, weights: str = "",
    scans: bool = False,
) -> Iterator[Part]:  # fmt: skip
    """Estimate `b (mean L - L(w*))` by chains in the window `exp(-b L - gamma |w - w*|²/2)` at a step, on all samples.

    b is `n_beta`, or n beta, or without either n/ln n; that of the chains of a loss without samples. With `weights`
    the chains move the layers of these names only, the others stay: the coefficient of a part. Raises `ConfigError`
    for parameters that are not finite, and for more chains than memory holds. Lau et al. 2023, arXiv 2308.12108.
    """
    one = landscape(run, member, step, "hessian" if loss == "trained" else "gauss_newton")
    if one.config.subject == "potential" and one.config.potential == "box":
        raise ConfigError("potential=box is a volume in a box; it has no Gaussian window to be sampled in")
    if weights:
        one = restricted(one, named_places(network_of_run(run, member, step), weights))
    b = inverse_temperature(one, n_beta, beta)
    spread = torch.linspace(-DECADES / 2, DECADES / 2, TEMPERATURES) if sweep else torch.zeros(1)
    temperatures = b * 10 ** spread.double()
    llc_sampling.require_memory(one, 2 * chains * len(temperatures))
    source = torch.Generator().manual_seed(seed)
    yield Part(0.01, {"parameters": one.P, "n_beta": b})
    spectrum = hessian_spectrum(one, 80, 4, source)
    warm = llc_sampling.warm_up(one, spectrum, temperatures, gamma, chains, source)
    yield Part(0.1, {"parameters": one.P, "n_beta": b})
    values, whole = {}, 0.4 if scans else 1.0
    for samples in llc_sampling.sample_chains(one, warm, method, kappa, burn_in, draws, source):
        left = samples.burn + draws - len(samples.losses)
        values = {"parameters": one.P, "n_beta": b}
        if draws - left >= llc_sampling.FEWEST_DRAWS:
            values = llc_sampling.llc_values(one, warm, samples, spectrum, method)
            values["note"] = llc_note(one, warm, samples, spectrum, values, method)
        yield Part(max(0.1, whole * (1 - 0.9 * left / (samples.burn + draws))), values)
    if scans:
        scanned = llc_scans.scans(one, spectrum, b, gamma, kappa, chains, draws, method, source)
        for share, estimates in scanned:
            yield Part(whole + (1 - whole) * share, values | estimates)


def named_places(network: NetworkAtStep, weights: str) -> Tensor:
    """Places `[p]` of the parameters of layers whose names match one of some patterns, as `1,2` or `layer4.*`.

    Raises `ConfigError` where one matches none.
    """
    layers = network.layers()
    patterns = [part.strip() for part in weights.split(",")]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in layers):
            raise UnknownName("layer", pattern, layers)
    return torch.cat([at for name, at in layers.items() if any(fnmatchcase(name, each) for each in patterns)])


def inverse_temperature(landscape: Landscape, n_beta: float, beta: float) -> float:
    """Inverse temperature b of the mean loss.

    Raises `ConfigError` where both are given, for beta and a loss without samples, and for one sample without either.
    """
    if n_beta > 0 and beta > 0:
        raise ConfigError(f"n_beta={n_beta} and beta={beta} are both given: b is one of them, n_beta or n times beta")
    if beta > 0 and not landscape.n:
        raise ConfigError(
            f"beta={beta} is to be multiplied by the number of samples, and this loss has none: set n_beta"
        )
    if n_beta > 0 or beta > 0:
        return n_beta or landscape.n * beta
    if landscape.n == 1:
        raise ConfigError("n_beta=0 asks for n/ln n, which one sample does not have: set n_beta")
    return landscape.n / log(landscape.n) if landscape.n else landscape.config.n_beta


def _lines(title: str, x: str, labels: dict[str, tuple[str, str]], x_label: str, y_label: str, log_x=False) -> Lines:
    traces = tuple(Trace(x=x, y=y, label=label, style=style) for y, (label, style) in labels.items())  # type: ignore[arg-type]
    return Lines(title=title, traces=traces, x_label=x_label, y_label=y_label, log_x=log_x)


PROBE = Probe(
    labels={"llc": "learning coefficient λ̂", "exact_llc": "exact coefficient",
    "exact_llc_limit": "exact coefficient as b → ∞", "n_beta": "b", "r_hat": "R̂", "burn_in": "burn-in",
    "effective_draws": "effective sample size",
    "half_soft_rank": "half the effective parameters", "euler": "with the bias of the step size", "mala": "by MALA"},
    name="llc",
    title="How many parameters does the loss see?",
    doc="The local learning coefficient, half the number of parameters that count at this temperature, from chains "
    "that sample the loss around this step. Beside it its error, what the step size adds, and half the soft rank of "
    "the Hessian: equal to it where the loss is quadratic, below it where flat directions interact.",
    compute=llc,
    knobs=(
        Knob(name="n_beta", label="b", doc="inverse temperature b of the mean loss; 0: n/ln n", bounds=(0, 1e15),
        soft=(1, 1e7)),
        Knob(name="beta", doc="inverse temperature b as a multiple of the number of samples; 0: not given",
             bounds=(0, 1e6), soft=(0, 1), more=True),
        Knob(name="gamma", doc="precision of the window around w*", bounds=(1e-9, 1e9), soft=(1e-2, 1e3), log=True),
        Knob(name="chains", doc="independent chains", bounds=(2, 4096), soft=(4, 256), log=True),
        Knob(name="draws", doc="steps that count", bounds=(20, 1_000_000), soft=(100, 5000), log=True),
        Knob(name="burn_in", label="burn-in", doc="steps before them; 0: four relaxations, at most twice the draws",
             bounds=(0, 1_000_000), soft=(0, 10_000), more=True),
        Knob(name="method", labels={"richardson": "Richardson", "mala": "MALA", "langevin": "Langevin"},
        doc="Langevin steps at two sizes and from these none (Richardson), steps that are accepted "
             "or not (mala), or plain ones with their bias (langevin)", choices=("richardson", "mala", "langevin")),
        Knob(name="loss", doc="which loss is sampled: how far outputs go from what they are, or that which is trained",
             choices=("behavioural", "trained")),
        Knob(name="kappa", doc="step size times the largest curvature", bounds=(1e-4, 3.99), soft=(1e-2, 1), log=True,
             more=True),
        Knob(name="seed", doc="draws the noise", bounds=(0, 2**31 - 1), soft=(0, 99), more=True),
        Knob(name="weights", doc="names of the layers that the chains move, as 1,2 or layer4.*; empty: all", more=True),
        Knob(name="sweep", doc="estimates at temperatures over two decades, too, and where they stand still"),
        Knob(name="scans", doc="estimates in wider and narrower windows, and at other step sizes, too", more=True),
    ),
    pictures=(
        _lines("The estimate as draws add up", "draw", {
            "running": ("estimate", "line"), "running_quadratic": ("half the soft rank", "theory"),
            "running_exact": ("exact", "theory"),
        }, "draws", "λ"),
        _lines("Loss of the chains", "trace_step", {
            "loss_mean": ("mean of the chains", "line"), "loss_fine": ("at a quarter of the step size", "line"),
            "baseline": ("at w*", "theory"),
        }, "step, from the first that counts", "loss"),
        Lines(title="What the step size adds", traces=(
            Trace(x="step_sizes", y="estimates", label="estimate"),
            Trace(x="euler_step_sizes", y="euler_curve", label="on a quadratic loss", style="theory"),
        ), x_label="step size", y_label="λ"),
        _lines("At other temperatures", "sweep_beta", {
            "sweep_llc": ("estimate", "points"), "sweep_quadratic": ("half the soft rank", "theory"),
        }, "b", "λ", log_x=True),
        _lines("In other windows", "window_gamma", {
            "window_llc": ("estimate", "points"), "window_quadratic": ("half the soft rank", "theory"),
        }, "γ", "λ", log_x=True),
        _lines("At other step sizes", "step_kappa", {
            "step_llc": ("estimate", "points"), "step_quadratic": ("on a quadratic loss", "theory"),
        }, "κ", "λ", log_x=True),
    ),
)  # fmt: skip
