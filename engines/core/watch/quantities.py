"""Quantities of a training that cost a pass over samples or more, measured on a subject at given parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
from torch import Tensor

from engines.core.subjects.kernels import PLAIN_KERNELS
from engines.core.subjects.minibatches import Minibatches
from engines.core.subjects.subject import Subject

TOLERANCE = 1e-4
"""Relative error of the sharpness."""

FEW = 3
"""Parameters up to which the Hessian is made whole."""


def gradient_and_sharpness(
    subject: Subject, data: Minibatches, start: np.ndarray | None
) -> tuple[float, float, np.ndarray]:
    """Measure the norm of the gradient, and the largest eigenvalue of the Hessian of the mean loss.

    `start [P]` is where the search begins, such as the eigenvector of an earlier step; the eigenvector is returned.
    """
    with torch.enable_grad(), PLAIN_KERNELS:
        theta = subject.theta.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(subject.mean_loss(theta, data), theta, create_graph=True)

        def product(u: np.ndarray) -> np.ndarray:
            weights = torch.as_tensor(np.ravel(u), dtype=theta.dtype, device=theta.device)
            (made,) = torch.autograd.grad(gradient, theta, weights, retain_graph=True)
            return made.detach().double().cpu().numpy()

        value, vector = _largest(product, len(theta), start)
        return float(gradient.detach().norm()), value, vector


def _largest(product: Callable[[np.ndarray], np.ndarray], P: int, start: np.ndarray | None) -> tuple[float, np.ndarray]:
    if P <= FEW:
        matrix = np.stack([product(one) for one in np.eye(P)])
        values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
        return float(values[-1]), vectors[:, -1]
    begin = np.random.default_rng(0).standard_normal(P) if start is None else start
    operator = LinearOperator((P, P), matvec=product, dtype=np.float64)  # type: ignore[call-arg]
    try:
        values, vectors = eigsh(operator, k=1, which="LA", v0=begin, tol=TOLERANCE, ncv=min(P, 12))  # type: ignore[arg-type]
    except ArpackNoConvergence as error:
        values, vectors = error.eigenvalues, error.eigenvectors
        if not len(values):
            return float("nan"), begin
    return float(values[-1]), vectors[:, -1]


def collapse(subject: Subject, data: Minibatches) -> dict[str, tuple[float, float]]:
    """Measure NC1, tr Σ_W / tr Σ_B, and NC2, the mean distance of cosines from a simplex's, of each named layer.

    One pass over the samples; features are summed class by class, so that none is kept.
    """
    assert subject.features and subject.labels
    sums: dict[str, tuple[Tensor, Tensor, Tensor]] = {}
    with torch.no_grad():
        for minibatch in data:
            labels = subject.labels(minibatch)
            for name, made in subject.features(dict(subject.params), minibatch).items():
                _add(sums, name, made.flatten(1).double(), labels)
    return {name: _scores(*three) for name, three in sums.items()}


def _add(sums: dict[str, tuple[Tensor, Tensor, Tensor]], name: str, H: Tensor, labels: Tensor) -> None:
    """Add features `H [n, p]` to the counts `[C]`, the sums `[C, p]` and the squared sums `[C]` of the classes."""
    classes = int(labels.max()) + 1
    counts, total, squares = sums.get(name, (H.new_zeros(0), H.new_zeros(0, H.shape[1]), H.new_zeros(0)))
    if classes > len(counts):
        more = classes - len(counts)
        counts, squares = (torch.cat([one, H.new_zeros(more)]) for one in (counts, squares))
        total = torch.cat([total, H.new_zeros(more, H.shape[1])])
    one = H.new_ones(len(H))
    sums[name] = (
        counts.index_add(0, labels, one), total.index_add(0, labels, H), squares.index_add(0, labels, H.square().sum(1))
    )  # fmt: skip


def _scores(counts: Tensor, total: Tensor, squares: Tensor) -> tuple[float, float]:
    there = counts > 0
    counts, means, squares = counts[there], total[there] / counts[there, None], squares[there]
    whole = (counts[:, None] * means).sum(0) / counts.sum()
    within = (squares - counts * means.square().sum(1)).sum() / counts.sum()
    spread = means - whole
    between = (counts * spread.square().sum(1)).sum() / counts.sum()
    unit = spread / spread.norm(dim=1, keepdim=True)
    cosines = unit @ unit.T
    C = len(counts)
    others = cosines[~torch.eye(C, dtype=torch.bool, device=cosines.device)]
    angle = (others + 1 / (C - 1)).abs().mean() if C > 1 else torch.tensor(float("nan"))
    return float(within / between), float(angle)


def distance(now: Mapping[str, Tensor], first: Mapping[str, Tensor]) -> float:
    """Measure the distance between two sets of parameters by name, each `[*]`."""
    return float(sum((now[name].double() - one).square().sum() for name, one in first.items()) ** 0.5)
