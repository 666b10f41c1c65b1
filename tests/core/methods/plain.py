"""Methods run by hand: ours beside torch.optim and the authors' packages, on the same noisy gradients."""

from __future__ import annotations

import numpy as np
import torch

from engines.core.methods.method import Inputs, Leaf

KNOBS = {
    "eta": 1.0, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0, "d0": 1e-6, "growth_rate": 1e30,
    "least_loss": 0.0, "damping": 0.1,
}  # fmt: skip

SIZES = ((6, 6), (4, 6))
"""Two matrices, so that nothing is right for a single leaf alone."""


class Quadratic:
    """`|A w - b|²/2` with noise on the gradient of every step, in float64."""

    def __init__(self, seed: int = 0, sizes=SIZES, noise: float = 0.1):
        self.sizes = sizes
        P = sum(rows * columns for rows, columns in sizes)
        stream = np.random.default_rng(seed)
        curvature = np.linalg.qr(stream.standard_normal((P, P)))[0]
        self.H = torch.tensor(curvature @ np.diag(np.geomspace(0.05, 2, P)) @ curvature.T)
        self.centre, self.start = torch.tensor(stream.standard_normal((2, P)))
        self.noise = noise * torch.tensor(stream.standard_normal((400, P)))
        self.leaves = tuple(Leaf(*size) for size in sizes)

    def gradient(self, w: torch.Tensor, t: int) -> torch.Tensor:
        return (w - self.centre) @ self.H + self.noise[t]


def ours(method, steps, problem, rate=0.05, **knobs):
    """Points that count after each step, and what the method remembers last."""
    columns = {name: torch.tensor([[float(value)]], dtype=torch.float64) for name, value in {**KNOBS, **knobs}.items()}
    w = problem.start[None].clone()
    memory, points = method.init(w, columns, problem.leaves), []
    for t in range(steps):
        column = torch.full((1, 1), rate if np.isscalar(rate) else rate[t], dtype=torch.float64)
        g = problem.gradient(w[0], t)[None]
        number = torch.full((1, 1), t + 1.0, dtype=torch.float64)
        w, memory = method.update(Inputs(g, w, torch.zeros(1, 1), column, number, columns, problem.leaves), memory)
        points.append(method.reported(w, memory, columns)[0])
    return torch.stack(points), memory


def theirs(make, steps, problem, reported=None):
    """Points of an optimiser of torch's interface after each step; `make` gets the parameters."""
    parts, start = [], 0
    for rows, columns in problem.sizes:
        part = problem.start[start : start + rows * columns].clone().view(rows, columns)
        parts.append(torch.nn.Parameter(part))
        start += rows * columns
    optimiser, points = make(parts), []
    for t in range(steps):
        flat = torch.cat([part.detach().flatten() for part in parts])
        g = problem.gradient(flat, t)
        start = 0
        for part in parts:
            part.grad = g[start : start + part.numel()].view_as(part).clone()
            start += part.numel()
        optimiser.step()
        if reported:
            points.append(reported(optimiser, parts))
        else:
            points.append(torch.cat([part.detach().flatten() for part in parts]))
    return torch.stack(points)
