"""What is known of the minimum that chains sample: spectrum, zero modes and their reasons, a plane to look at."""

from __future__ import annotations

import torch
from torch import Tensor

from engines.loss_landscape.channels import B_GRID
from engines.loss_landscape.degeneracy.count import Count, count
from engines.loss_landscape.degeneracy.jacobian import jacobian
from engines.loss_landscape.degeneracy.near_synchronised import rayleigh
from engines.loss_landscape.degeneracy.synchronisation_modes import exchanges
from engines.loss_landscape.dynamics.protocol import Configs, Knobs
from engines.loss_landscape.dynamics.sampling_target import DENSE, Modes, Target
from engines.loss_landscape.hessian.effective_dimension import soft_rank
from engines.loss_landscape.models import factory
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.model import Subject

ROUNDING = 1e-20
"""Of the largest eigenvalue: what is below cannot be told from zero, and is put there."""


def axes(found: Target, seen: Modes | None) -> Tensor:
    """The steepest direction and the flattest one, `[B, 2, P]`; the first two parameters where all are flat or many."""
    P = found.star.shape[-1]
    plain = torch.eye(2, P, dtype=torch.float64).expand(len(found.star), -1, -1)
    if seen is None or P < 3:
        return plain
    flat = (seen.values.abs().amax(-1) == 0)[:, None, None]
    return torch.where(flat, plain, torch.stack([seen.vectors[..., 0], seen.vectors[..., -1]], -2))


def known(configs: Configs, seen: Modes | None) -> dict[str, Tensor]:
    """Channels that stay as they are, for members that share all `shape` knobs."""
    found = {} if seen is None else {"spectrum": floored(seen.values)}
    if configs[0].subject in ("potential", "superposition", "transformer", "addition"):
        return found
    subject = factory.build(configs)
    model = subject.model
    if not isinstance(model, Mlp) or model.activation not in ("relu", "linear") or model.P > DENSE:
        return found
    return found | counted(model, subject) | near(configs, model, subject)


def floored(h: Tensor) -> Tensor:
    """Eigenvalues `[B, P]`, largest first, none below rounding."""
    return torch.maximum(h, ROUNDING * h[:, :1])


def counted(net: Mlp, subject: Subject) -> dict[str, Tensor]:
    """Zero modes with their reasons, ranks and blocks."""
    found: Count = count(net, subject.start, subject.train.X)
    reasons = [found.N12.sum(-1), found.excess.sum(-1), found.cross, found.residual]
    numbers = {"synchronised_blocks": torch.stack([block.number for block in found.blocks], -1)} if found.blocks else {}
    h = found.values.square() / subject.train.X.shape[-2]
    whole = torch.nn.functional.pad(h, (0, net.P - h.shape[-1]))
    return numbers | {
        "spectrum": floored(whole),
        "free_directions": torch.stack(reasons, -1),
        "nullity": found.nullity,
        "explained": found.explained,
        "rank_activations": found.r_a,
        "rank_gradients": found.r_g,
    }


def near(configs: Configs, net: Mlp, subject: Subject) -> dict[str, Tensor]:
    """The curvature along the exchange of neurons 0 and 1, where these were planted to nearly agree."""
    if configs[0].planted != "near":
        return {}
    theta, X = subject.start, subject.train.X
    W_in, W_out = net.split(theta)
    pair = torch.zeros(net.sizes[1], net.sizes[1], dtype=torch.bool)
    pair[0, 1] = True
    direction = torch.cat([part.flatten(-2) for part in exchanges(W_in, W_out, pair.expand(len(theta), -1, -1))], -1)
    return {"near_curvature": rayleigh(jacobian(net, theta, X), direction, X.shape[-2])[:, 0]}


def seen(found: dict[str, Tensor], knobs: Knobs) -> dict[str, Tensor]:
    """With the effective parameters at the temperature of each member."""
    if "spectrum" not in found:
        return found
    h, gamma = found["spectrum"], knobs["gamma"]
    grid = torch.tensor(B_GRID, dtype=h.dtype)
    curve = torch.stack([soft_rank(h, b, gamma) for b in grid], -1)
    return found | {"effective_parameters": soft_rank(h, knobs["n_beta"], gamma), "soft_count": curve}
