"""The interaction basis against the literal algorithm, its own identities, and what must leave it unchanged."""

import pytest
import torch

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.interaction import basis, edges
from engines.loss_landscape.interaction.basis import make_homogeneous
from engines.loss_landscape.models.mlp import Mlp
from tests.loss_landscape.close import same
from tests.loss_landscape.interaction.oracle import Plain, network

KINDS = {"local": basis.local_bases, "global": basis.global_bases}


def test_a_folded_network_is_the_network():
    """Outputs from every node on, 1e-12; with and without biases."""
    for bias in (True, False):
        net = Mlp((5, 7, 6, 3), bias=bias)
        theta = torch.randn(4, net.P, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        X = torch.randn(20, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
        folded = make_homogeneous(net, theta, X)
        for layer, at in enumerate(folded.nodes):
            same(folded.outputs_from(layer, at), net(theta, X), 1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("output", ["pca", "neurons"])
def test_the_basis_is_that_of_the_literal_algorithm(kind, centred, output):
    """Lam = non-zero eigenvalues of M' CA with M' by autograd; their eigenvectors: 1e-9 relative."""
    net, theta, X = network((4, 6, 5, 3))
    found, plain = KINDS[kind](make_homogeneous(net, theta, X), centred, output), Plain(net, theta, X)
    for layer in range(plain.L):
        at, whole = plain.nodes[layer], kind == "global"
        seen = plain.seen(layer, found[-1 if whole else layer + 1].C, whole)
        shift = torch.eye(at.shape[1], dtype=at.dtype)
        shift[-1, :-1] = -at[:, :-1].mean(0) if centred else 0
        A = (at @ shift)[:, :-1] if centred else at
        CA, seen = A.T @ A / len(A), seen[: A.shape[1], : A.shape[1]]
        one, r = found[layer], int(found[layer].rank)
        Lam = one.moment[int(centred) : r]
        values = torch.linalg.eigvals(seen @ CA).real.sort(descending=True).values
        same(Lam / Lam[0], (values / Lam[0])[: len(Lam)], 1e-9)
        assert (values[len(Lam) :].abs() < 1e-9 * Lam[0]).all()
        covectors = one.C[: A.shape[1], int(centred) : r]
        same(seen @ CA @ covectors, covectors * Lam, 1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("centred", [True, False])
def test_features_have_second_moments_lam_and_an_inverse(kind, centred):
    """1e-9; features are uncorrelated; what C C+ cuts off does not move the outputs at first order."""
    net, theta, X = network((4, 6, 5, 3), seed=3)
    folded = make_homogeneous(net, theta, X)
    for layer, one in enumerate(KINDS[kind](folded, centred)):
        r = int(one.rank)
        same(one.inverse[:r] @ one.C[:, :r], torch.eye(r, dtype=torch.float64), 1e-9)
        assert (one.C[:, r:] == 0).all()
        assert (one.inverse[r:] == 0).all()
        fh = folded.nodes[layer] @ one.C
        same(basis.gram(fh), torch.diag(one.moment), 1e-9)
        off = fh @ one.inverse - folded.nodes[layer]
        same(
            folded.outputs_from(layer, folded.nodes[layer] + 1e-6 * off), folded.outputs, 1e-12
        )  # no gate flips so near
        if centred:
            assert (fh[:, 0] == 1).all()


def test_other_bases_are_what_they_say():
    """Principal components by torch's SVD, neurons by the identity, 1e-10."""
    net, theta, X = network((4, 6, 3))
    folded = make_homogeneous(net, theta, X)
    for at, of_components, of_neurons in zip(
        folded.nodes, basis.simple_bases(folded, "pca"), basis.simple_bases(folded, "neurons"), strict=True
    ):
        a = at[:, :-1] - at[:, :-1].mean(0)
        same(of_components.moment[1:], torch.linalg.svdvals(a) ** 2 / len(a), 1e-10)
        same((at @ of_neurons.C)[:, 1:], a, 1e-12)
        for one in (of_components, of_neurons):
            same(at @ one.C @ one.inverse, at, 1e-10)
    raw = basis.simple_bases(folded, "neurons", centred=False)[1]
    same(raw.C, torch.eye(7, dtype=torch.float64), 0)


def linear(output):
    """L19: four 6 x 6 Gaussian layers, n = 2000, seed 0; ratios of the sections, spectra of the layers."""
    net, source = Mlp((6,) * 5, "linear", bias=False), torch.Generator().manual_seed(0)
    theta = torch.randn(net.P, generator=source, dtype=torch.float64)
    folded = make_homogeneous(net, theta, torch.randn(2000, 6, generator=source, dtype=torch.float64))
    bases = basis.local_bases(folded, centred=True, output=output)
    for layer, (at, one) in enumerate(zip(folded.nodes, bases, strict=True)):
        same(folded.outputs_from(layer, at @ one.C @ one.inverse), folded.outputs, 1e-9)
    ratios = [float(edges.off_diagonal(edges.squared_edges(folded, bases, section)[1:, 1:])) for section in range(4)]
    return ratios, [one.moment for one in bases]


def test_deep_linear_networks_are_diagonal():
    """Off-diagonal over diagonal below 1e-20, one spectrum in all layers within 1e-8 of the largest.

    Without gates the outputs pass through C C+ of every layer, 1e-9.
    """
    ratios, spectra = linear("pca")
    assert max(ratios) < 1e-20
    for one in spectra:
        same(one[1:] / spectra[-1][1], spectra[-1][1:] / spectra[-1][1], 1e-8)
    ratios, _ = linear("neurons")
    assert max(ratios[:-1]) < 1e-20
    assert ratios[-1] > 0.1


# -- moves that leave the function unchanged -------------------------------------------------------------------------


def redundant():
    """5-7-7-4, n = 2000, inputs of rank 3, neuron 2 of layer 1 twice neuron 1, neuron 6 never listened to; seed 3."""
    net, theta, _ = network((5, 7, 7, 4), seed=3)
    source = torch.Generator().manual_seed(4)
    X = torch.randn(2000, 3, generator=source, dtype=torch.float64)
    X = X @ torch.randn(3, 5, generator=source, dtype=torch.float64)
    W = [one.clone() for one in net.split(theta)]
    W[0][2] = 2 * W[0][1]
    W[1][:, 6] = 0
    return net, W, X


def rescaled(W, X):
    scale = torch.tensor([0.2, 3, 1, 5, 0.7, 1, 2], dtype=torch.float64)
    W[0], W[1][:, :-1] = W[0] * scale[:, None], W[1][:, :-1] / scale


def in_other_units(W, X):
    """Eighteen decades between the columns, twelve between the neurons: features were taken for rounding from 7 on."""
    inputs, scale = (10.0 ** torch.tensor(decades, dtype=torch.float64)
                     for decades in ((9, -9, 0, 6, -3), (-6, 6, 0, 5, -5, 3, 0)))  # fmt: skip
    X *= inputs
    W[0][:, :-1] /= inputs
    W[0], W[1][:, :-1] = W[0] * scale[:, None], W[1][:, :-1] / scale


def permuted(W, X):
    order = torch.tensor([3, 0, 6, 1, 5, 2, 4])
    W[0], W[1][:, :-1] = W[0][order], W[1][:, :-1][:, order]


def synchronised(W, X):
    M = torch.tensor([[1.0, 0.3], [0.2, 0.8]], dtype=torch.float64)  # no gate flips: both sums stay positive multiples
    W[0][1:3], W[1][:, 1:3] = M @ W[0][1:3], W[1][:, 1:3] @ torch.linalg.inv(M)


def unseen_inputs(W, X):
    outside = torch.linalg.svd(X, full_matrices=True)[2][3:]
    W[0][:, :-1] += torch.randn(7, 2, generator=torch.Generator().manual_seed(5), dtype=torch.float64) @ outside


def unseen_activations(W, X):
    W[1][:, 1] += 2 * 0.7
    W[1][:, 2] -= 0.7


def unheard(W, X):
    W[0][6] += torch.randn(6, generator=torch.Generator().manual_seed(6), dtype=torch.float64)


MOVES = [rescaled, in_other_units, permuted, synchronised, unseen_inputs, unseen_activations, unheard]


def view(net, W, X, kind):
    folded = make_homogeneous(net, net.join(W), X)
    bases = KINDS[kind](folded)
    fh = [(at @ one.C).abs() for at, one in zip(folded.nodes, bases, strict=True)]
    E = [edges.squared_edges(folded, bases, section) for section in range(3)]
    return folded.outputs, [one.moment for one in bases], fh, E


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.__name__)
def test_what_leaves_the_function_unchanged_leaves_the_basis_unchanged(kind, move):
    """Lam, |fh| and edges: 1e-9 of the largest."""
    net, W, X = redundant()
    before = view(net, W, X, kind)
    moved = [one.clone() for one in W]
    move(moved, X)
    assert max(float((one - other).abs().max()) for one, other in zip(W, moved, strict=True)) > 0.1
    after = view(net, moved, X, kind)
    same(after[0], before[0], 1e-10)
    for was, now in zip(before[1:], after[1:], strict=True):
        for one, other in zip(was, now, strict=True):
            assert float((other - one).abs().max()) < 1e-9 * float(one.max())


def test_another_function_has_another_basis():
    """The control: ten per cent off every weight moves Lam and edges by more than two per cent."""
    net, W, X = redundant()
    source = torch.Generator().manual_seed(7)
    other = [one * (1 + 0.1 * torch.randn(one.shape, generator=source, dtype=torch.float64)) for one in W]
    before, after = view(net, W, X, "local"), view(net, other, X, "local")
    for was, now in zip((*before[1], *before[3]), (*after[1], *after[3]), strict=True):
        assert float((now - was).abs().max()) > 0.02 * float(was[1:].max())


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_is_its_members(kind):
    """Members of different ranks side by side, 1e-9."""
    net, W, X = redundant()
    _, theta, _ = network((5, 7, 7, 4), seed=8)
    members = torch.stack([net.join(W), theta])
    together = view(net, [torch.stack(pair) for pair in zip(*map(net.split, members), strict=True)], X, kind)
    for member, one in enumerate(members):
        alone = view(net, net.split(one), X, kind)
        for whole, part in zip(together[1:], alone[1:], strict=True):
            for a, b in zip(whole, part, strict=True):
                assert float((a[member] - b).abs().max()) < 1e-9 * float(b.max())


def test_what_has_no_gates_is_refused():
    net = Mlp((3, 4, 2), "gelu")
    with pytest.raises(ConfigError, match="gelu"):
        make_homogeneous(net, torch.zeros(net.P), torch.zeros(5, 3))
    net, theta, X = network((3, 4, 2))
    with pytest.raises(ConfigError, match="ica"):
        basis.simple_bases(make_homogeneous(net, theta, X), "ica")
    with pytest.raises(ConfigError, match="ica"):
        basis.local_bases(make_homogeneous(net, theta, X), output="ica")


def test_a_network_in_float32_is_counted_in_float64():
    """Ranks of float32 activations would be those of rounding."""
    net, W, X = redundant()
    single = make_homogeneous(net, net.join(W).float(), X.float())
    assert {one.dtype for one in single.nodes} == {torch.float64}
    double = make_homogeneous(net, net.join(W).float().double(), X.float().double())
    ranks = [[int(one.rank) for one in basis.local_bases(folded)] for folded in (single, double)]
    assert ranks[0] == ranks[1]
