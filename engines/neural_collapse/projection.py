"""Projection of samples onto three directions of the frame that is nearest to their class means: a polygon."""

from __future__ import annotations

import math

import torch
from torch import Tensor

NAMED = 10
"""Classes with a hue of their own; later ones share the last."""

FRAME = NAMED
"""The class of the points that draw the frame."""

CLASSES = (*(f"class {k}" for k in range(1, NAMED + 1)), "frame")

RAY = 25
"""Points on the way from the origin to one vertex of the frame."""


def project(M: Tensor, H: Tensor, labels: Tensor, length: Tensor, simplex: Tensor) -> dict[str, Tensor]:
    """Compute the channels `point_x`, `point_y`, `point_z` and `point_class`, each `[B, P + 25 K]`.

    Parameters
    ----------
    M : class means `[B, d, K]`
    H : samples `[B, d, P]` with labels `[P]` in 0..K-1
    length : of the axes of the frame to draw, `sqrt(rho)`; 0 draws none, `[B]`
    simplex : whether the frame is a simplex rather than orthogonal, `[B]`
    """
    K = M.shape[-1]
    U, _, Vt = torch.linalg.svd(M, full_matrices=False)
    axes = _view(K, M)
    points = axes @ ((U @ Vt).mT @ H)  # the polar factor of M is the nearest frame
    along = torch.linspace(0, 1, RAY, dtype=M.dtype, device=M.device)
    rays = (axes[:, :, None] * along).flatten(1) * length[:, None, None]
    flat = torch.ones_like(rays)
    flat[:, 2] = 1 - simplex.to(M.dtype)[:, None]
    rays = torch.where(length[:, None, None] > 0, rays * flat, torch.nan)
    points = torch.cat([points, rays], -1)
    kinds = torch.cat([labels.clamp_max(NAMED - 1), torch.full((K * RAY,), FRAME, device=labels.device)])
    return dict(zip(("point_x", "point_y", "point_z"), points.unbind(1), strict=True)) | {
        "point_class": kinds.to(M.dtype).expand(len(M), -1)
    }


def _view(K: int, like: Tensor) -> Tensor:
    """Three orthonormal directions in the coordinates of the frame, `[3, K]`: the circle, and its axis.

    Two classes lie on a line: the second direction is then left out.
    """
    angle = 2 * math.pi * torch.arange(K, dtype=like.dtype, device=like.device) / K + math.pi / 2
    flat = math.sqrt(2 / K) if K > 2 else math.sqrt(1 / K)
    across, up = (flat * torch.cos(angle), flat * torch.sin(angle)) if K > 2 else (flat * torch.sin(angle), 0 * angle)
    return torch.stack([across, up, torch.full_like(angle, 1 / math.sqrt(K))])
