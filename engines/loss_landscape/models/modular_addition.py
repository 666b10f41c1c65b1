"""Networks that add modulo p, in three forms.

A sample is a pair (a, b) as two one-hot vectors side by side, `[2 p]`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.models import initialisation
from engines.loss_landscape.models.mlp import Mlp
from engines.loss_landscape.models.model import Layout, Model, Samples, Trainable, cross_entropy


@dataclass(frozen=True)
class Embedding:
    """Network `f = o relu(l E_a + r E_b)`.

    Embedding E `[p, e]`, readers l, r `[h, e]`, readout o `[p, h]`, no biases.
    """

    p: int
    e: int
    h: int

    @property
    def layout(self) -> Layout:
        """Order of the parameters: E, l, r, o."""
        return Layout(((self.p, self.e), (self.h, self.e), (self.h, self.e), (self.p, self.h)))

    @property
    def P(self) -> int:
        """Number of parameters."""
        return self.layout.P

    def __call__(self, theta: Tensor, X: Tensor) -> Tensor:
        """Logits `[*, n, p]` of theta `[*, P]`, X `[*, n, 2 p]`."""
        E, left, right, out = self.layout.split(theta)
        table = torch.cat([E @ left.mT, E @ right.mT], -2)  # [*, 2 p, h], cheaper than one reader a sample
        return torch.relu(X @ table) @ out.mT

    def perceptron(self, theta: Tensor, X: Tensor) -> tuple[Mlp, Tensor, Tensor]:
        """View as a perceptron of embedded samples.

        The net, its parameters, and its inputs `[E_a, E_b] [*, n, 2 e]`.
        """
        E, left, right, out = self.layout.split(theta)
        net = Mlp((2 * self.e, self.h, self.p), bias=False)
        embedded = torch.cat([X[..., : self.p] @ E, X[..., self.p :] @ E], -1)
        return net, net.join([torch.cat([left, right], -1), out]), embedded


@dataclass(frozen=True)
class Transformer:
    """One layer of attention and one perceptron on the tokens a, b, =; read at the last; no biases, no LayerNorm.

    `x = tokens + positions`, `x_= += attention`, `x_= += out relu(in x_=)`, `f = unembed x_=`. Width d, heads of
    d/heads. Outputs at a and b after attention are never read, so they are not computed.
    """

    p: int
    d: int
    heads: int
    h: int

    @property
    def layout(self) -> Layout:
        """Order of the parameters: tokens, positions, query, key, value, output, in, out, unembedding."""
        square = (self.d, self.d)
        ends = ((self.h, self.d), (self.d, self.h), (self.p, self.d))
        return Layout(((self.p + 1, self.d), (3, self.d), square, square, square, square, *ends))

    @property
    def P(self) -> int:
        """Number of parameters."""
        return self.layout.P

    def __call__(self, theta: Tensor, X: Tensor) -> Tensor:
        """Logits `[*, n, p]` of theta `[*, P]`, X `[*, n, 2 p]`."""
        tokens, positions, Q, K, V, mix, into, out, unembed = self.layout.split(theta)
        summands = tokens[..., : self.p, :]
        embedded = [X[..., : self.p] @ summands, X[..., self.p :] @ summands]
        last = tokens[..., self.p :, :].expand_as(embedded[0])
        x = torch.stack([*embedded, last], -2) + positions[..., None, :, :]  # [*, n, 3, d]
        end = x[..., 2, :]
        heads = (self.heads, self.d // self.heads)
        query = (end @ Q.mT).unflatten(-1, heads)
        key, value = ((x.flatten(-3, -2) @ A.mT).unflatten(-2, (-1, 3)).unflatten(-1, heads) for A in (K, V))
        # key, value: [*, n, 3, heads, d/heads]
        weights = ((query[..., None, :, :] * key).sum(-1) / sqrt(heads[1])).softmax(-2)
        end = end + (weights[..., None] * value).sum(-3).flatten(-2) @ mix.mT
        end = end + torch.relu(end @ into.mT) @ out.mT
        return end @ unembed.mT


def embedding_subject(seeds: Sequence[int], p: int = 31, e: int = 16, h: int = 64, share: float = 0.6) -> Trainable:
    """Return an `Embedding` as torch begins its layers: N(0, 1) embedding, `U(-1, 1)/sqrt(fan_in)` elsewhere."""
    model = Embedding(p, e, h)

    def draw(source: torch.Generator) -> Tensor:
        readers = [initialisation.uniform(1 / sqrt(e), (h, e), source) for _ in range(2)]
        return model.layout.join(
            [torch.randn(p, e, generator=source), *readers, initialisation.uniform(1 / sqrt(h), (p, h), source)]
        )

    return _subject(model, p, share, seeds, draw)


def one_hot_subject(
    seeds: Sequence[int], p: int = 31, h: int = 128, activation: str = "square", share: float = 0.5
) -> Trainable:
    """Trainable network of `f = o phi(W [onehot a; onehot b])` without biases.

    A column of W has entries N(0, 1/p), o as torch begins.
    """
    model = Mlp((2 * p, h, p), activation, bias=False)

    def draw(source: torch.Generator) -> Tensor:
        tables = torch.randn(h, 2 * p, generator=source) / sqrt(p)
        return model.join([tables, initialisation.uniform(1 / sqrt(h), (p, h), source)])

    return _subject(model, p, share, seeds, draw)


def transformer_subject(
    seeds: Sequence[int], p: int = 31, d: int = 32, heads: int = 4, h: int = 128, share: float = 0.6
) -> Trainable:
    """Trainable network of a `Transformer`, all matrices N(0, 1/d).

    Raises `ConfigError` where the heads do not divide the width.
    """
    if d % heads:
        raise ConfigError(f"{heads} heads do not divide the width {d}")
    model = Transformer(p, d, heads, h)
    return _subject(model, p, share, seeds, lambda source: torch.randn(model.P, generator=source) / sqrt(d))


def all_pairs(p: int) -> Samples:
    """All `p²` pairs `[p², 2 p]` and their sums modulo p."""
    a, b = torch.arange(p).repeat_interleave(p), torch.arange(p).repeat(p)
    X = torch.cat([one_hot(a, p), one_hot(b, p)], -1)
    return Samples(X.double(), (a + b) % p)


def _subject(
    model: Model, p: int, share: float, seeds: Sequence[int], draw: Callable[[torch.Generator], Tensor]
) -> Trainable:
    """Have each member train on `floor(share p²)` pairs of its own, and test it on the others."""
    shown = int(share * p * p)
    if not 0 < shown < p * p:
        raise ConfigError(f"share={share} of {p * p} pairs leaves none to train on or none to test")
    every = all_pairs(p)
    # A stream of its own: what is seen does not depend on how many numbers the model draws.
    orders = torch.stack(
        [torch.randperm(p * p, generator=initialisation.stream(seed, initialisation.SAMPLES)) for seed in seeds]
    )
    train, test = (Samples(every.X[part], every.y[part]) for part in (orders[:, :shown], orders[:, shown:]))
    return Trainable(model, train, test, cross_entropy, initialisation.draw_members(seeds, draw), tuple(seeds))
