"""Products with a Hessian or a Gauss-Newton matrix, without the matrix.

A product is a function of a stack of vectors `U [m, ..., P]`, one matrix for each of the leading axes of
`theta [..., P]`. The vectors may be of another precision than the parameters, and the result is of theirs.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import grad, jvp, vjp, vmap

Loss = Callable[[Tensor], Tensor]
"""`theta [..., P]` to losses `[...]`."""

Product = Callable[[Tensor], Tensor]
"""`U [m, ..., P]` to `H U [m, ..., P]`."""

Metric = Callable[[Tensor], Tensor]
"""The Hessian Lo of a loss in its outputs, times `v [m, ..., n, k]`."""


def forward_over_reverse(loss: Loss, theta: Tensor) -> Product:
    """`H u = d/dt grad(theta + t u)` at t = 0, by differentiating the gradient forwards.

    Keeps nothing between products. Members are independent: the sum of their losses has all of their gradients.
    """
    gradient = grad(lambda at: loss(at).sum())

    def product(U: Tensor) -> Tensor:
        along = vmap(lambda u: jvp(gradient, (theta,), (u,))[1], in_dims=0)
        return along(U.to(theta.dtype)).to(U.dtype)

    return product


def reverse_over_reverse(loss: Loss, theta: Tensor) -> Product:
    """`H u = grad (gradient . u)`, by differentiating the gradient backwards.

    Keeps the graph of one gradient, which makes it the quicker of the two wherever that fits into memory.
    """
    at = theta.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(at).sum(), at, create_graph=True)

    def product(U: Tensor) -> Tensor:
        weights = U.to(theta.dtype)
        (found,) = torch.autograd.grad(gradient, at, weights, retain_graph=True, is_grads_batched=True)
        return found.detach().to(U.dtype)

    return product


def gauss_newton(f: Callable[[Tensor], Tensor], theta: Tensor, metric: Metric = lambda v: v) -> Product:
    """`J^T (Lo (J u))/n` of outputs `f: [..., P] -> [..., n, k]`, by one derivative forwards and one backwards.

    Positive semi-definite if Lo is. It is the Hessian of `1/n sum_x loss(f(x))` wherever the loss is least in its
    outputs; elsewhere it leaves out `sum (d loss/d f) d2 f`.
    """
    outputs, pull = vjp(f, theta)[:2]

    def one(u: Tensor) -> Tensor:
        return pull(metric(jvp(f, (theta,), (u,))[1]))[0] / outputs.shape[-2]

    return lambda U: vmap(one)(U.to(theta.dtype)).to(U.dtype)


def block(product: Product, part: slice, P: int) -> Product:
    """The diagonal block of one layer: vectors `[m, ..., p]` on `part` of the P parameters, the others held still."""

    def inside(U: Tensor) -> Tensor:
        whole = U.new_zeros(*U.shape[:-1], P)
        whole[..., part] = U
        return product(whole)[..., part]

    return inside


def softmax_metric(logits: Tensor) -> Metric:
    """`(diag p - p p^T) v = p * (v - p . v)` of `logits [..., n, k]`: Lo of the cross-entropy and of `KL(p* || p)`.

    Never differentiates the loss twice, which for many outputs needs their square in memory.
    """
    p = logits.softmax(-1)
    return lambda v: p * (v - (p * v).sum(-1, keepdim=True))
