"""The gradient of a ReLU net by hand is that of automatic differentiation, however its samples are shared."""

import pytest
import torch

from engines.loss_landscape.models import model as models
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.model import Samples, Trainable, cross_entropy, half_squared_error

SHAPES = {"shared": ((3,), ()), "own": ((3,), (3,)), "chains": ((3, 2), ()), "own of chains": ((3, 2), (3, 1))}


def trainable(net, members, samples, labelled):
    g = torch.Generator().manual_seed(0)
    X = torch.randn(*samples, 40, net.sizes[0], generator=g, dtype=torch.float64)
    y = torch.randn(*samples, 40, net.sizes[-1], generator=g, dtype=torch.float64)
    data = Samples(X, y.argmax(-1) if labelled else y)
    theta = torch.randn(*members, net.P, generator=g, dtype=torch.float64)
    return Trainable(net, data, data, cross_entropy if labelled else half_squared_error, theta, (0,)), theta


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_gradient_by_hand_is_that_of_automatic_differentiation(shape, labelled, bias):
    subject, theta = trainable(Mlp((7, 6, 5, 4), bias=bias), *SHAPES[shape], labelled)
    at = theta.clone().requires_grad_()
    value = subject.loss(at)
    (gradient,) = torch.autograd.grad(value.sum(), at)
    loss, found = subject.loss_and_gradient(theta)
    torch.testing.assert_close(loss, value.detach(), rtol=0, atol=0)
    torch.testing.assert_close(found, gradient, rtol=1e-13, atol=1e-15)
    assert not found.requires_grad and not loss.requires_grad


def test_members_have_the_same_gradient_however_many_go_together(monkeypatch):
    subject, theta = trainable(Mlp((7, 6, 4)), (5,), (), True)
    whole = subject.loss_and_gradient(theta)
    monkeypatch.setattr(models, "NEAR", 2 * 40 * 10 * 8)
    rows = []
    pullback = Mlp.pullback
    monkeypatch.setattr(Mlp, "pullback", lambda self, at, X: rows.append(len(at)) or pullback(self, at, X))
    for one, other in zip(whole, subject.loss_and_gradient(theta), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert rows == [2, 2, 1]
