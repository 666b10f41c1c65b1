"""Free directions of own models: as many as the dense rank leaves, whatever bends, with biases, normalised or not."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_linear_bn_eval

import engines
from engines.loss_landscape.models.perceptron_reader import NotRead, read_perceptron
from tests.loss_landscape import own_models
from tests.loss_landscape.own_models import CROSS_ENTROPY, classes, source

BENDS = {"tanh": nn.Tanh, "gelu": nn.GELU, "relu": nn.ReLU}


def draw(seed, normalised=False):
    """A random perceptron in float64 with its samples: one to three hidden layers of two to six units."""
    generator = np.random.default_rng(seed)
    bend, bias = list(BENDS)[seed % 3], bool(seed // 3 % 2) or normalised
    sizes = [3, *generator.integers(2, 7, generator.integers(1, 4)).tolist(), 3]
    torch.manual_seed(seed)
    parts = []
    for a, b in pairwise(sizes):
        parts += [nn.Linear(a, b, bias=bias), *([nn.BatchNorm1d(b)] if normalised and b != 3 else []), BENDS[bend]()]
    net = nn.Sequential(*parts[:-1]).double()
    for one in net:
        if isinstance(one, nn.BatchNorm1d):
            one.running_mean.normal_()
            one.running_var.uniform_(0.5, 2)
            nn.init.normal_(one.weight)
            nn.init.normal_(one.bias)
    return net, torch.randn(60, 3, generator=source(seed), dtype=torch.float64)


def folded(net):
    """The module with torch's own folding of batch normalisation."""
    layers = []
    for one in net.eval():
        if isinstance(one, nn.BatchNorm1d):
            layers[-1] = fuse_linear_bn_eval(layers[-1], one)
        else:
            layers.append(one)
    return nn.Sequential(*layers)


def nullity(net, X):
    """Parameters less the rank of the dense Jacobian, columns of length one, and the gap beside the rank."""
    names, values = zip(*net.named_parameters(), strict=True)

    def outputs(*given):
        return torch.func.functional_call(net, dict(zip(names, given, strict=True)), (X,)).flatten()

    J = torch.cat([one.flatten(1) for one in torch.autograd.functional.jacobian(outputs, values)], 1)
    J = J / J.norm(dim=0).clamp_min(1e-300)
    s = torch.linalg.svdvals(J)
    r = int((s > 1e-9 * s[0]).sum())
    return J.shape[1] - r, float(s[r - 1] / s[r]) if r < len(s) and s[r] > 0 else np.inf


def examined(net, X):
    y = classes(len(X))
    return engines.examine("loss_landscape", engines.Subject.of(net, (X, y), CROSS_ENTROPY), "degeneracy")


def compare(seed, normalised):
    net, X = draw(seed, normalised)
    found = examined(net, X)
    right, gap = nullity(folded(net) if normalised else net, X)
    assert found["nullity"] == right, seed
    assert 0 <= found["explained"] <= right, seed
    assert ("folded" in found["note"]) == any(isinstance(one, nn.BatchNorm1d) for one in net)
    return gap > 1e4


@pytest.mark.parametrize("seed", range(6))
def test_counts_of_random_perceptrons_are_the_dense_rank(seed):
    """Exact, for tanh, GELU and ReLU, without biases and with them, and normalised."""
    compare(seed, seed % 2 == 1)


@pytest.mark.thorough
def test_counts_of_a_hundred_random_perceptrons_are_the_dense_rank():
    """Exact; for most of them the dense spectrum has a gap there of four decades at least."""
    assert sum(compare(seed, seed // 6 % 2 == 1) for seed in range(100, 200)) >= 80


def test_a_tanh_network_is_not_read_as_one_of_gates():
    """Each live ReLU has a free scale; a tanh has none, and a GELU neither."""
    counts = {}
    for name, bend in BENDS.items():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(4, 8), bend(), nn.Linear(8, 8), bend(), nn.Linear(8, 3)).double()
        counts[name] = examined(net, torch.randn(150, 4, generator=source(), dtype=torch.float64))["nullity"]
    assert counts["tanh"] == counts["gelu"] == 0
    assert counts["relu"] >= 16


class Written(nn.Module):
    """A perceptron in words of its own."""

    def __init__(self):
        super().__init__()
        self.into, self.out = nn.Linear(4, 5), nn.Linear(5, 3)

    def forward(self, x):
        return self.out(torch.relu(self.into(torch.flatten(x, 1))))


def test_a_module_is_followed_through_what_it_computes():
    net, X = Written().double(), torch.randn(9, 2, 2, generator=source(), dtype=torch.float64)
    read = read_perceptron(net.eval(), dict(net.named_parameters()), X, net(X).detach())
    assert read.net.sizes == (4, 5, 3) and read.net.activation == "relu"
    assert torch.allclose(read.net(read.theta, X.flatten(1)), net(X))


def normed_input():
    return nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 5), nn.Tanh(), nn.BatchNorm1d(5), nn.Linear(5, 3)).double()


def test_normalisation_before_a_layer_is_folded_too():
    net, X = normed_input(), torch.randn(9, 4, generator=source(), dtype=torch.float64)
    net(X * 3 + 1)
    net.eval()
    read = read_perceptron(net, dict(net.named_parameters()), X, net(X).detach())
    assert read.folded == 2
    assert torch.allclose(read.net(read.theta, X), net(X))


UNREAD = {
    "it contains Softmax": nn.Sequential(nn.Linear(4, 5), nn.Softmax(1), nn.Linear(5, 3)),
    "different activations": nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 3)),
    "some of its layers have biases": nn.Sequential(nn.Linear(4, 5, bias=False), nn.Tanh(), nn.Linear(5, 3)),
    "does not end with a linear layer": nn.Sequential(nn.Linear(4, 3), nn.ReLU()),
    "it contains GELU": nn.Sequential(nn.Linear(4, 5), nn.GELU("tanh"), nn.Linear(5, 3)),
}


@pytest.mark.parametrize("why", UNREAD)
def test_what_is_no_perceptron_says_why(why):
    net, X = UNREAD[why].double(), torch.randn(9, 4, generator=source(), dtype=torch.float64)
    with pytest.raises(NotRead, match=why):
        read_perceptron(net, dict(net.named_parameters()), X, net(X).detach())


def test_fixed_layers_are_not_counted():
    net, X = Written().double(), torch.randn(60, 4, generator=source(), dtype=torch.float64)
    subject = engines.Subject.of(net, (X, classes(60)), CROSS_ENTROPY)
    found = engines.examine("loss_landscape", subject.only("out.*"), "degeneracy")
    assert (found["parameters"], found["nullity"]) == (18, 18 - 3 * rank_of_hidden(net, X))
    assert "some of its parameters are fixed" in found["note"]


def rank_of_hidden(net, X):
    hidden = torch.relu(net.into(X)).detach()
    return int(torch.linalg.matrix_rank(torch.cat([hidden, torch.ones(len(X), 1)], 1)))


def convolutional():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Conv2d(2, 2, 2, stride=2), nn.Tanh(), nn.Flatten(), nn.Linear(8, 3)
    ).double()


def test_a_convolution_is_the_linear_map_that_it_is():
    """Images of equal columns: patches of rank 3 and the constant, so that 2 (10 - 4) directions of type 1 are free."""
    X = torch.randn(80, 1, 6, 1, generator=source(), dtype=torch.float64).expand(-1, -1, 6, 6)
    net = convolutional()
    found = examined(net, X)
    right, gap = nullity(net, X)
    assert gap > 1e4
    assert found["nullity"] == right
    assert found["rank_activations"][0] == 4
    assert found["N1"][0] == 2 * (10 - 4)
    assert 12 <= found["explained"] <= right
    assert "it contains Conv2d" in found["note"]


def test_an_ordinary_convolutional_network_has_what_its_dense_rank_leaves():
    net, X = convolutional(), torch.randn(80, 1, 6, 6, generator=source(), dtype=torch.float64)
    found = examined(net, X)
    right, gap = nullity(net, X)
    assert gap > 1e4 and found["nullity"] == right and found["explained"] <= right


def test_a_bias_that_attention_does_not_feel_is_free():
    """Softmax does not see what all keys share: 4 free directions that rounding would hide."""
    found = engines.examine("loss_landscape", own_models.transformer(90), "degeneracy")
    exact = own_models.transformer(90).precise
    J = exact_jacobian(exact)
    lengths = J.norm(dim=0)
    keys = slice(28 + 48 + 4, 28 + 48 + 8)  # embedding, in-projection weights; then biases of queries, keys, values
    assert float(lengths[keys].max()) < 1e-14 * float(lengths.max())
    J = J[:, lengths > 1e-14 * lengths.max()]
    s = torch.linalg.svdvals(J / J.norm(dim=0))
    r = int((s > 1e-9 * s[0]).sum())
    assert float(s[r - 1] / s[r]) > 1e3
    assert found["nullity"] == exact.P - r


def exact_jacobian(exact):
    made = torch.autograd.functional.jacobian(lambda at: own_models.outputs(exact, at, exact.train.first), exact.theta)
    return made.flatten(0, 1)
