"""Subjects that a person brings: what they compute, and what is refused as they come in."""

import copy

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from engines import Subject
from engines.core.protocol.errors import ConfigError, UnknownName
from engines.core.subjects.kernels import PLAIN_KERNELS

CROSS_ENTROPY = nn.CrossEntropyLoss(reduction="none")


def samples(n=12, d=4, classes=3, seed=0):
    source = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=source), torch.randint(classes, (n,), generator=source)


def perceptron(*layers, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 5), *(layers or (nn.Tanh(),)), nn.Linear(5, 3))


def squares(params, minibatch):
    X, y = minibatch
    return (X @ params["w"] - y).square()


REGRESSION = (torch.arange(12.0).reshape(6, 2) / 10, torch.arange(6.0))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.head = nn.LSTM(4, 5, batch_first=True), nn.Linear(5, 3)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(7, 8)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, tokens):
        return self.head(self.block(self.embed(tokens)).mean(1))


def test_a_loss_a_sample_is_averaged_over_all_batches_however_large():
    X, y = REGRESSION
    whole = Subject(squares, {"w": torch.tensor([1.0, -2.0])}, (X, y))
    parts = Subject(squares, {"w": torch.tensor([1.0, -2.0])}, [(X[:4], y[:4]), (X[4:], y[4:])])
    right = squares(whole.params, (X, y)).mean()
    assert whole.train.n == parts.train.n == 6
    assert torch.allclose(whole.mean_loss(whole.theta), right)
    assert torch.allclose(parts.mean_loss(parts.theta), right)
    assert torch.allclose(parts.gradient(parts.theta), whole.gradient(whole.theta))


def test_members_are_mapped_and_each_is_its_own():
    X, y = REGRESSION
    subject = Subject(squares, {"w": torch.zeros(2)}, (X, y))
    theta = torch.tensor([[[1.0, 2.0]], [[3.0, 4.0]], [[5.0, 6.0]]])
    made = subject.losses(theta, (X, y))
    assert made.shape == (3, 1, 6)
    assert torch.allclose(made[2, 0], squares({"w": theta[2, 0]}, (X, y)))


def test_a_layer_without_a_rule_for_members_is_computed_member_by_member():
    X = torch.randn(6, 3, 4, generator=torch.Generator().manual_seed(0))
    subject = Subject.of(Recurrent(), (X, torch.arange(6) % 3), CROSS_ENTROPY)
    assert not subject.maps_members
    theta = torch.stack([subject.theta, subject.theta * 1.1])
    assert torch.allclose(subject.mean_loss(theta)[1], subject.mean_loss(theta[1]))


@pytest.mark.parametrize(
    "minibatch",
    [samples(), {"input": samples()[0], "labels": samples()[1]}],
    ids=["tuple", "mapping"],
)
def test_a_module_is_adapted_from_minibatches_of_any_form(minibatch):
    net = perceptron()
    subject = Subject.of(net, minibatch, CROSS_ENTROPY)
    X, y = samples()
    assert torch.allclose(subject.mean_loss(subject.theta), CROSS_ENTROPY(net(X), y).mean())
    assert list(subject.layers) == ["0", "2"] and subject.P == 43


def test_a_single_tensor_is_input_and_target():
    subject = Subject.of(nn.Linear(4, 4), samples()[0], lambda made, x: (made - x).square().sum(-1))
    assert subject.train.n == 12


def test_a_module_is_frozen_in_evaluation_mode_and_the_notes_say_so():
    net = perceptron(nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.5)).train()
    net[1].running_mean += 1
    before = copy.deepcopy(net.state_dict())
    subject = Subject.of(net, samples(), CROSS_ENTROPY)
    assert any("statistics" in note for note in subject.notes) and any("dropout" in note for note in subject.notes)
    assert net.training and all(torch.equal(before[name], one) for name, one in net.state_dict().items())
    X, y = samples()
    assert torch.allclose(subject.mean_loss(subject.theta), CROSS_ENTROPY(net.eval()(X), y).mean())


def test_attention_can_be_differentiated_twice():
    tokens = torch.randint(7, (6, 5), generator=torch.Generator().manual_seed(0))
    subject = Subject.of(Attention(), (tokens, torch.arange(6) % 3), CROSS_ENTROPY)
    subject.require_twice_differentiable()
    assert subject.maps_members and subject.precise.dtype == torch.float64


def test_switches_of_torch_are_as_they_were_once_everybody_is_out():
    with PLAIN_KERNELS:
        with PLAIN_KERNELS:
            assert not torch.backends.mha.get_fastpath_enabled()
        assert not torch.backends.cuda.flash_sdp_enabled()
    assert torch.backends.mha.get_fastpath_enabled() and torch.backends.cuda.flash_sdp_enabled()


def test_named_parameters_move_and_the_others_stay():
    subject = Subject.of(perceptron(), samples(), CROSS_ENTROPY)
    last = subject.only("2.*")
    assert list(last.params) == ["2.weight", "2.bias"]
    moved = last.theta + 0.1
    whole = subject.theta.clone()
    whole[-last.P :] = moved
    assert torch.allclose(last.mean_loss(moved), subject.mean_loss(whole))
    with pytest.raises(UnknownName, match=r"3\.\*"):
        subject.only("3.*")


def test_another_point_is_the_same_subject_elsewhere():
    subject = Subject.of(perceptron(), samples(), CROSS_ENTROPY)
    there = subject.at(subject.theta * 2)
    assert torch.equal(there.theta, subject.theta * 2)
    with pytest.raises(ConfigError, match="other shapes"):
        subject.at({name: one[..., None] for name, one in subject.params.items()})


def test_submodules_that_are_named_are_features():
    subject = Subject.of(perceptron(), samples(), CROSS_ENTROPY, features=("1",))
    made = subject.features(dict(subject.params), samples())
    assert made["1"].shape == (12, 5) and bool((made["1"].abs() <= 1).all())
    with pytest.raises(UnknownName, match="nine"):
        Subject.of(perceptron(), samples(), CROSS_ENTROPY, features=("nine",))


class Scaled(nn.Module):
    """Depends on its minibatch, as batch normalisation in training mode does."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x):
        return self.layer((x - x.mean(0)) / x.std(0))


def exploded():
    net = perceptron()
    net[0].weight.data[0, 0] = torch.nan
    return net


class OnceOnly(nn.Module):
    """Has a first derivative and no second."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(4))

    def forward(self, x):
        return Detour.apply(x @ self.w)


class Detour(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        return grad


def of(module=None, loss=CROSS_ENTROPY, data=None):
    return lambda: Subject.of(perceptron() if module is None else module, samples() if data is None else data, loss)


def loader(shuffle):
    return DataLoader(TensorDataset(*samples(40)), batch_size=8, shuffle=shuffle)


BAD = {
    "a loss that returns a mean": (of(loss=nn.CrossEntropyLoss()), "12 samples gives shape .*reduction='none'"),
    "a loss a component": (of(loss=lambda made, y: made), r"gives shape \(12, 3\)"),
    "a loss that is no tensor": (of(loss=lambda made, y: 1.0), "gives a float"),
    "a loss that fails": (of(loss=lambda made, y: made @ made), "loss fails on train: RuntimeError"),
    "dropout that is on": (
        lambda: Subject(lambda p, b: nn.functional.dropout(b @ p["w"], 0.5), {"w": torch.ones(4)}, samples()[0]),
        "dropout is on",
    ),
    "a loss that knows its minibatch": (of(Scaled()), "with the other samples of its minibatch"),
    "weights that are not finite": (of(exploded()), "1 of the 20 values of the parameter '0.weight' are"),
    "a loss that is not finite": (of(loss=lambda made, y: made[:, 0] / 0), "losses of 12 of 12 samples of train are"),
    "a loader that shuffles": (of(data=loader(True)), "train gives other minibatches in its second pass"),
    "an iterator": (of(data=iter(loader(False))), "an iterator, used up after one pass"),
    "nothing": (of(data=[]), "holds no samples"),
    "no minibatches": (of(data=3), "train=3 holds no minibatches"),
    "tensors of other lengths": (of(data=(torch.ones(3, 4), torch.ones(2))), "tensors of 2, 3 samples"),
    "another device": (
        lambda: Subject(squares, {"w": torch.zeros(2, device="meta")}, REGRESSION),
        "the parameters are on meta, train is on cpu",
    ),
    "no module": (lambda: Subject.of(3, samples(), CROSS_ENTROPY), "module=3 is no torch.nn.Module"),
    "no parameters": (lambda: Subject(squares, {}, REGRESSION), "is no mapping of names to tensors"),
    "whole numbers": (lambda: Subject(squares, {"w": torch.arange(2)}, REGRESSION), "of type torch.int64"),
    "once differentiable": (
        lambda: of(OnceOnly(), lambda made, y: (made - y).square())().require_twice_differentiable(),
        "cannot be differentiated twice",
    ),
    "no outputs": (
        lambda: Subject(squares, {"w": torch.zeros(2)}, REGRESSION).require_outputs(), "is a loss alone"),
}  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
def test_what_is_wrong_is_one_sentence(bad):
    make, match = BAD[bad]
    with pytest.raises(ConfigError, match=match) as caught:
        make()
    assert "\n" not in str(caught.value) and len(str(caught.value)) <= 300


def test_a_loader_that_does_not_shuffle_is_streamed():
    subject = of(data=loader(False))()
    assert subject.train.n == 40 and not subject.train.single
    X, y = samples(40)
    assert torch.allclose(subject.mean_loss(subject.theta), CROSS_ENTROPY(perceptron()(X), y).mean())
