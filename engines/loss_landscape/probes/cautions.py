"""What has to be said beside an estimate of the learning coefficient."""

from __future__ import annotations

from math import isfinite
from typing import Any

from engines.loss_landscape.probes.chains import Begun, Sampled
from engines.loss_landscape.probes.coefficient import CONVERGED
from engines.loss_landscape.probes.eigenvalues import Eigenvalues
from engines.loss_landscape.probes.landscape import Landscape

PRIOR, FILLED = 10.0, 0.9
"""Below this `b h/gamma`, h the largest curvature, or from this share of its size on, the window holds the chains."""


def note(
    one: Landscape, begun: Begun, seen: Sampled, found: Eigenvalues, values: dict[str, Any], method: str
) -> str:  # fmt: skip
    """All that a reader has to know, as sentences."""
    said = [*_value(one, begun.gamma, values), *_bias(values, method), *_chains(begun, seen, values)]
    said.append(found.note(values["n_beta"], begun.gamma))
    said.append(one.note)
    return "".join(f"{text[0].upper()}{text[1:]}. " for text in said if text).strip()


def _value(one: Landscape, gamma: float, values: dict[str, Any]) -> list[str]:
    """Of the number itself."""
    said = []
    if not isfinite(values["llc"]):
        said.append("chains left the finite numbers: the step size is too large for this loss; take a smaller kappa")
    elif values["llc"] < 0:
        said.append("the estimate is negative: w* is no minimum of this loss, and chains found lower ones")
    if one.outputs is None and one.labelled:
        said.append(
            "cross-entropy on labels saturates as logits grow: its coefficient falls to 0 without any structural "
            "reason; the behavioural loss has no such fall"
        )
    pull = values["n_beta"] * max(values["curvature_at_w"], values["curvature_around"])
    if pull < PRIOR * gamma or values["fill"] > FILLED:
        said.append("the window holds the chains more than the loss does: the estimate says little, raise b")
    return said


def _bias(values: dict[str, Any], method: str) -> list[str]:
    """Of the step size."""
    said = []
    if values["curvature_around"] > 2 * values["curvature_at_w"]:
        said.append(
            f"the loss curves {values['curvature_around']:.2g} where the chains are and {values['curvature_at_w']:.2g} "
            "at w*: a singular or deep model, the step size was taken from the former"
        )
    if method == "langevin":
        said.append(
            "plain Langevin steps are biased upwards, most on deep and singular models: compare richardson or mala"
        )
    if method == "richardson" and abs(values["coarse"] - values["fine"]) > 0.1 * abs(values["llc"]):
        said.append(
            f"two step sizes differ by {values['coarse'] - values['fine']:.2g}: their extrapolation is rough, take a "
            "smaller kappa"
        )
    if method == "mala":
        said.append(f"{values['acceptance']:.0%} of the steps were accepted, which does not show that chains mixed")
    return said


def _chains(begun: Begun, seen: Sampled, values: dict[str, Any]) -> list[str]:
    """Of what chains have explored."""
    said = []
    if seen.burn < seen.full and not begun.settled:
        said.append(
            f"burn-in was {seen.burn} steps where four relaxations of the window take {seen.full}: soft directions are "
            "not filled yet, and the estimate is low by what they add"
        )
    if not values["settled"] and values["llc"] < values["half_soft_rank"] / 2:
        said.append(
            "the chains have hardly left w*, so that the estimate is far too low: take more draws, a narrower window "
            "(larger gamma), or MALA with a larger kappa"
        )
    if not abs(values["drift"]) < 2 * values["drift_error"]:
        said.append(f"chains still drift, by {values['drift']:.2g} ± {values['drift_error']:.1g}")
    if not values["r_hat"] < CONVERGED:
        said.append(f"chains do not agree yet, R-hat is {values['r_hat']:.3g}: more draws")
    if values.get("plateau_decades") == 0.0:
        said.append("the estimates stand still at no temperature: there is no single number")
    return said
