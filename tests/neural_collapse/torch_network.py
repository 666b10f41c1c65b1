"""A network as one would write it: torch.nn, torch.optim, one run at a time."""

import torch
from torch import nn

KNOBS = ("epochs", "learning_rate", "weight_decay_features", "weight_decay_last")


def knobs(configs):
    """The numeric knobs of a batch, as the simulation hands them on."""
    return {name: torch.tensor([float(getattr(c, name)) for c in configs], dtype=torch.float64) for name in KNOBS}


class TorchNetwork:
    """One member, with the engine's own weights and order of samples."""

    def __init__(self, config, problem, state, member):
        self.config, self.problem, self.member = config, problem, member
        hidden, self.linears = [], []
        for layer in range(config.depth):
            W = state.inner[member, layer - 1] if layer else state.first[member]
            linear = nn.Linear(*W.shape, bias=not config.batch_norm, dtype=W.dtype)
            self._set(linear, W, state.shift[member, layer])
            norm = [nn.BatchNorm1d(config.width, dtype=W.dtype)] if config.batch_norm else []
            hidden += [linear, *norm, nn.ReLU()]
            self.linears.append(linear)
        self.last = nn.Linear(*state.last[member].shape, bias=config.bias, dtype=state.last.dtype)
        self._set(self.last, state.last[member], state.bias[member])
        self.body = nn.Sequential(*hidden)
        self.descent = torch.optim.SGD(
            [
                {"params": self.body.parameters(), "weight_decay": config.weight_decay_features},
                {"params": self.last.parameters(), "weight_decay": config.weight_decay_last},
            ],
            lr=config.learning_rate,
            momentum=0.9,
        )

    @staticmethod
    def _set(linear, W, bias):
        linear.weight.data = W.T.clone()
        if linear.bias is not None:
            linear.bias.data = bias.clone()

    def step(self, t):
        """One batch."""
        length = self.config.epochs * self.problem.per_epoch
        for group in self.descent.param_groups:
            group["lr"] = self.config.learning_rate * 0.1 ** min(2, 3 * t // length)
        epoch, part = divmod(t, self.problem.per_epoch)
        begin = epoch * len(self.problem.X) + part * self.problem.batch_size
        chosen = self.problem.orders[self.member, begin : begin + self.problem.batch_size].long()
        out = self.last(self.body(self.problem.X[chosen]))
        mse = (out - self.problem.targets[chosen]).square().sum(1).mean() / 2
        loss = nn.functional.cross_entropy(out, self.problem.y[chosen]) if self.config.loss == "ce" else mse
        self.descent.zero_grad()
        loss.backward()
        self.descent.step()

    def features(self):
        """What the last hidden layer makes of the training samples, `[N, h]`."""
        self.body.eval()
        with torch.no_grad():
            return self.body(self.problem.X)
