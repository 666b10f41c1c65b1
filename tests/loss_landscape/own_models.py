"""Models that nobody made for this lab: a small residual network, a transformer, a recurrent one, scikit-learn's."""

import warnings

import torch
from torch import nn

from engines import Subject

CROSS_ENTROPY = nn.CrossEntropyLoss(reduction="none")


class Block(nn.Module):
    """Basic block of He et al. 2016."""

    def __init__(self, inside, out, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inside, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.conv2, self.bn2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
        plain = stride == 1 and inside == out
        self.shortcut = nn.Identity() if plain else nn.Sequential(
            nn.Conv2d(inside, out, 1, stride, bias=False), nn.BatchNorm2d(out)
        )  # fmt: skip

    def forward(self, x):
        made = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(made + self.shortcut(x))


class ResNet8(nn.Module):
    def __init__(self, widths=(2, 3, 4), classes=3):
        super().__init__()
        a, b, c = widths
        self.stem = nn.Sequential(nn.Conv2d(1, a, 3, 1, 1, bias=False), nn.BatchNorm2d(a), nn.ReLU())
        self.stages = nn.Sequential(Block(a, a, 1), Block(a, b, 2), Block(b, c, 2))
        self.head = nn.Linear(c, classes)

    def forward(self, x):
        return self.head(self.stages(self.stem(x)).mean((2, 3)))


class Transformer(nn.Module):
    def __init__(self, tokens=7, d=4, classes=3):
        super().__init__()
        self.embed = nn.Embedding(tokens, d)
        self.block = nn.TransformerEncoderLayer(d, 2, 2 * d, dropout=0.1, batch_first=True)
        self.head = nn.Linear(d, classes)

    def forward(self, tokens):
        return self.head(self.block(self.embed(tokens)).mean(1))


class Recurrent(nn.Module):
    def __init__(self, inputs=3, hidden=4, classes=3):
        super().__init__()
        self.rnn, self.head = nn.LSTM(inputs, hidden, batch_first=True), nn.Linear(hidden, classes)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


def source(seed=0):
    return torch.Generator().manual_seed(seed)


def classes(n, seed=1):
    return torch.randint(3, (n,), generator=source(seed))


def resnet(n=24):
    torch.manual_seed(0)
    net, X = ResNet8(), torch.randn(n, 1, 8, 8, generator=source())
    net(X)  # in training mode: running statistics that are not those of the start
    return Subject.of(net, (X, classes(n)), CROSS_ENTROPY, features=("stem", "stages.0", "stages"), name="ResNet-8")


def transformer(n=24):
    torch.manual_seed(0)
    tokens = torch.randint(7, (n, 5), generator=source())
    return Subject.of(Transformer(), (tokens, classes(n)), CROSS_ENTROPY, features=("block",), name="transformer")


def recurrent(n=24):
    torch.manual_seed(0)
    X = torch.randn(n, 6, 3, generator=source())
    return Subject.of(Recurrent(), (X, classes(n)), CROSS_ENTROPY, features=("rnn",), name="LSTM")


def scikit_learn(n=24):
    """A tanh perceptron that scikit-learn trained, its weights in a module."""
    from sklearn.neural_network import MLPClassifier

    X = torch.randn(n, 4, generator=source(), dtype=torch.float64)
    trained = MLPClassifier((5,), activation="tanh", max_iter=20, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged
        trained.fit(X.numpy(), classes(n).numpy())
    net = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    with torch.no_grad():
        for layer, W, b in zip((net[0], net[2]), trained.coefs_, trained.intercepts_, strict=True):
            layer.weight.copy_(torch.from_numpy(W.T.copy()))
            layer.bias.copy_(torch.from_numpy(b))
    return Subject.of(net, (X, classes(n)), CROSS_ENTROPY, features=("1",), name="scikit-learn MLP")


MODELS = {"ResNet-8": resnet, "transformer": transformer, "LSTM": recurrent, "scikit-learn MLP": scikit_learn}


def outputs(subject, theta, batch):
    """Outputs `[n, k]` at `theta [P]`, all their axes but the samples as one."""
    made = subject.require_outputs()[0](subject.split(theta), batch)
    return made.reshape(len(made), -1)
