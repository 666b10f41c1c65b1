"""A subject: a loss, one number a sample, as a function of named parameters, with the data on which it is taken."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from math import prod
from typing import Any, Self

import torch
from torch import Tensor
from torch.func import vmap
from torch.utils.checkpoint import checkpoint

from engines.core.protocol.errors import ConfigError, UnknownName, message_of, quote
from engines.core.subjects import checks
from engines.core.subjects.adapter import adapt
from engines.core.subjects.kernels import PLAIN_KERNELS
from engines.core.subjects.minibatches import Minibatch, Minibatches, size, take

log = logging.getLogger(__name__)

Params = Mapping[str, Tensor]
"""Parameters by name, each of its own shape."""

SampleLoss = Callable[[dict[str, Tensor], Minibatch], Tensor]
"""Map parameters and a minibatch of n samples to losses `[n]`, one a sample."""

SampleOutputs = Callable[[dict[str, Tensor], Minibatch], Tensor]
"""Map parameters and a minibatch to outputs `[n, *]`."""

SampleCriterion = Callable[[Tensor, Minibatch], Tensor]
"""Map outputs `[n, *]` and their minibatch to losses `[n]`: `loss = criterion(outputs)`."""

Features = Callable[[dict[str, Tensor], Minibatch], Mapping[str, Tensor]]
"""Map parameters and a minibatch to the activations `[n, *]` of layers by name."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A loss with its parameters and samples, whatever computes it; checked as it is made.

    `loss(params, minibatch)` returns one loss a sample, `[n]`; means are taken here, so that no reduction can be wrong.
    `train` and `test` are loaders or lists of minibatches, or one minibatch: a tensor, a tuple or a mapping. Raises
    `ConfigError`, one sentence each, for a loss that returns a mean, is not finite, changes from call to call or
    depends on how samples are grouped, and for minibatches that are on another device or differ from pass to pass.
    """

    loss: SampleLoss
    params: Params
    train: Any
    """`Minibatches` once the subject is made."""
    test: Any = None
    features: Features | None = None
    _: KW_ONLY
    outputs: SampleOutputs | None = None
    """Outputs and criterion: what Gauss-Newton matrices and degeneracy need besides the loss."""
    criterion: SampleCriterion | None = None
    labels: Callable[[Minibatch], Tensor] | None = None
    """Classes `[n]` of a minibatch, whole numbers; None without classes."""
    module: torch.nn.Module | None = None
    """The module of `of`, a copy in evaluation mode."""
    name: str = "subject"
    notes: tuple[str, ...] = ()
    """Sentences for a reader, as what was frozen."""

    def __post_init__(self) -> None:
        checks.require_params(self.params)
        params = {name: one.detach() for name, one in self.params.items()}
        self._set(params=params, train=Minibatches(self.train, "train"))
        self._set(test=None if self.test is None else Minibatches(self.test, "test"))
        for data in filter(None, (self.train, self.test)):
            checks.check_loss(self.losses, self.theta, data)

    @classmethod
    def of(
        cls, module: torch.nn.Module, loader: Any, loss: Callable[[Any, Any], Tensor], test: Any = None,
        features: Sequence[str] = (), name: str = "",
    ) -> Self:  # fmt: skip
        """Adapt a module: its parameters that need gradients are those of the subject.

        `loss(outputs, target)` returns one loss a sample, `[n]`. A minibatch that is a tuple ends with its target; of a
        mapping that is `labels`, `label`, `targets`, `target` or `y`, and the rest are keyword arguments; a single
        tensor is both. Buffers are frozen in evaluation mode, on a copy of the module, which the notes say. `features`
        name submodules whose outputs are looked at.
        """
        made = cls(train=loader, test=test, name=name or type(module).__name__, **adapt(module, loss, features))
        few = take(made.train.first, slice(0, 2))
        if made.outputs and isinstance(made.outputs(dict(made.params), few), Tensor):
            return made
        return made._copy(outputs=None, criterion=None, notes=(*made.notes, "its output is no single tensor"))

    # -- parameters as a flat vector --------------------------------------------------------------------------------

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the parameters by name, in the order of the flat vector."""
        return {name: tuple(one.shape) for name, one in self.params.items()}

    @property
    def P(self) -> int:
        """Number of parameters."""
        return sum(one.numel() for one in self.params.values())

    @property
    def dtype(self) -> torch.dtype:
        """Type of the first parameter."""
        return next(iter(self.params.values())).dtype

    @property
    def device(self) -> torch.device:
        """Device of the first parameter, and of all of it."""
        return next(iter(self.params.values())).device

    @property
    def theta(self) -> Tensor:
        """The parameters as one vector, `[P]`."""
        return self.join(self.params)

    def join(self, params: Params) -> Tensor:
        """Flatten parameters by name into one vector `[P]`."""
        return torch.cat([params[name].detach().reshape(-1) for name in self.params])

    def split(self, theta: Tensor) -> dict[str, Tensor]:
        """Views of one vector `theta [P]` as parameters by name."""
        flat = theta.split([prod(shape) for shape in self.shapes.values()], -1)
        return {name: values.view(shape) for values, (name, shape) in zip(flat, self.shapes.items(), strict=True)}

    @property
    def layers(self) -> dict[str, list[slice]]:
        """Places of each layer's parameters in the flat vector, by the name before the last dot."""
        places: dict[str, list[slice]] = {}
        start = 0
        for name, shape in self.shapes.items():
            places.setdefault(name.rpartition(".")[0] or name, []).append(slice(start, start + prod(shape)))
            start += prod(shape)
        return places

    # -- other subjects of the same kind ----------------------------------------------------------------------------

    def at(self, params: Params | Tensor) -> Self:
        """Move to other parameters, by name or as one vector `[P]`, of which nothing is checked but their shapes.

        Raises `ConfigError` for other shapes than those that there are.
        """
        moved = self.split(params) if isinstance(params, Tensor) else {n: params[n] for n in self.params if n in params}
        if {name: tuple(one.shape) for name, one in moved.items()} != self.shapes:
            raise ConfigError(f"the parameters have other shapes than those of {quote(self.name)}")
        return self._copy(params={name: one.detach() for name, one in moved.items()})

    def only(self, *patterns: str) -> Self:
        """Free only the parameters whose names match a pattern such as `layer4.*`; the others stay where they are.

        Raises `UnknownName` where a pattern matches none.
        """
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in self.params):
                raise UnknownName(f"parameter of {self.name}", pattern, self.params)
        chosen = {n: one for n, one in self.params.items() if any(fnmatchcase(n, each) for each in patterns)}
        fixed = {name: one for name, one in self.params.items() if name not in chosen}

        def with_fixed(call: Any) -> Any:
            return None if call is None else lambda params, minibatch: call(fixed | params, minibatch)

        return self._copy(
            params=chosen, loss=with_fixed(self.loss), outputs=with_fixed(self.outputs),
            features=with_fixed(self.features), notes=(*self.notes, f"{len(fixed)} of its tensors are fixed"),
        )  # fmt: skip

    def to(self, where: torch.dtype | torch.device) -> Self:
        """Convert parameters, samples, and the buffers of a module to another precision, or move them to a device."""

        def cast(one: Tensor) -> Tensor:
            return one.to(where) if one.is_floating_point() or isinstance(where, torch.device) else one

        if where in (self.dtype, self.device):
            return self
        changed: dict[str, Any] = {"params": {name: cast(one) for name, one in self.params.items()}}
        changed |= {"train": self.train.map(cast), "test": None if self.test is None else self.test.map(cast)}
        return self._copy(**changed)

    @cached_property
    def precise(self) -> Self:
        """Subject in float64, in which curvature and ranks are computed.

        Raises `ConfigError` where its loss takes no float64.
        """
        exact = self.to(torch.float64)
        try:
            dtype = exact.losses(exact.theta, take(exact.train.first, slice(0, 2))).dtype
        except Exception as error:
            dtype = f"{type(error).__name__}: {message_of(error)}"
        if dtype != torch.float64:
            raise ConfigError(f"the loss of {quote(self.name)} is to take and give float64, and does not ({dtype})")
        return exact

    # -- losses and outputs -----------------------------------------------------------------------------------------

    def losses(self, theta: Tensor, minibatch: Minibatch) -> Tensor:
        """Losses `[*, n]` of parameters `theta [*, P]` on one minibatch, members at once by `vmap` where that works."""
        return self.mapped(lambda at: self.loss(self.split(at), minibatch), theta)

    def mean_loss(self, theta: Tensor, data: Minibatches | None = None) -> Tensor:
        """Mean loss `[*]` over all training samples, or others, of parameters `theta [*, P]`; differentiable.

        Minibatches are computed one after another, and once more as gradients pass back, so that one is held at a time.
        """
        chosen: Minibatches = self.train if data is None else data
        again = not chosen.single and theta.requires_grad and torch.is_grad_enabled()
        total = torch.zeros(theta.shape[:-1], dtype=theta.dtype, device=theta.device)
        for minibatch in chosen:
            if again:
                total = total + torch.as_tensor(checkpoint(self._summed, theta, minibatch, use_reentrant=False))
            else:
                total = total + self._summed(theta, minibatch)
        return total / chosen.n

    def _summed(self, theta: Tensor, minibatch: Minibatch) -> Tensor:
        return self.losses(theta, minibatch).sum(-1)

    def gradient(self, theta: Tensor, data: Minibatches | None = None) -> Tensor:
        """Gradient `[*, P]` of the mean loss."""
        with torch.enable_grad():
            at = theta.detach().requires_grad_()
            return torch.autograd.grad(self.mean_loss(at, data).sum(), at)[0]

    def require_twice_differentiable(self) -> None:
        """Raise `ConfigError` where the loss cannot be differentiated twice, or not to finite numbers."""
        checks.require_twice_differentiable(self.losses, self.theta, self.train.first, self.name)

    def require_outputs(self) -> tuple[SampleOutputs, SampleCriterion]:
        """Return outputs `[n, *]` and criterion `[n]`. Raises `ConfigError` for a subject that is a loss alone."""
        if self.outputs is None or self.criterion is None:
            raise ConfigError(
                f"{quote(self.name)} is a loss alone: what is asked for needs outputs(params, minibatch) and "
                "criterion(outputs, minibatch), or Subject.of a module whose output is one tensor"
            )
        return self.outputs, self.criterion

    @cached_property
    def maps_members(self) -> bool:
        """Whether several members are computed at once by `vmap`; without rules for a layer, one after another."""
        few, pair = take(self.train.first, slice(0, 2)), torch.stack([self.theta, self.theta])
        try:
            with PLAIN_KERNELS, torch.enable_grad():
                at = pair.requires_grad_()
                made = vmap(lambda one: self.loss(self.split(one), few))(at)
                torch.autograd.grad(made.sum(), at)
        except Exception:
            log.debug("members of %s are computed one after another", self.name, exc_info=True)
            return False
        return made.shape == (2, size(few))

    @cached_property
    def numbers(self) -> int:
        """Numbers that a pass keeps for its gradient, of one sample: what memory it takes."""
        few, kept = take(self.train.first, slice(0, 2)), []

        def count(one: Tensor) -> Tensor:
            kept.append(one.numel())
            return one

        with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(count, lambda one: one):
            self.losses(self.theta.requires_grad_(), few)
        return max(1, sum(kept) // size(few))

    def mapped(self, call: Callable[..., Tensor], theta: Tensor, *beside: Tensor) -> Tensor:
        """Call for each member: on `theta [*, P]` and what goes with it, `[*, ...]`; at once where that works."""
        with PLAIN_KERNELS:
            if theta.ndim == 1:
                return call(theta, *beside)
            lead = theta.shape[:-1]
            flat = [one.reshape(-1, *one.shape[len(lead) :]) for one in (theta, *beside)]
            if self.maps_members:
                return vmap(call)(*flat).unflatten(0, lead)
            return torch.stack([call(*one) for one in zip(*flat, strict=True)]).unflatten(0, lead)

    # -- copies -----------------------------------------------------------------------------------------------------

    def _copy(self, **changed: Any) -> Self:
        """Copy with other attributes; what was computed of the old ones is forgotten."""
        fresh = copy.copy(self)
        for cached in ("precise", "maps_members", "numbers"):
            vars(fresh).pop(cached, None)
        fresh._set(**changed)
        return fresh

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)
