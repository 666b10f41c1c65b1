"""Methods of optimisation that a person brings: a pure pair of functions, or a class of `torch.optim`, under a name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engines.core.protocol.errors import ConfigError, quote
from engines.core.protocol.named_objects import NamedObjects

FORM = re.compile(r"[A-Za-z_]\w*")
"""The form of a name."""


@dataclass(frozen=True, eq=False)
class OwnMethod:
    """A method as its author wrote it; two are equal only where they are the same object."""

    name: str
    update: Callable[..., Any]
    """`update(gradient, state, params, knobs)` returns params and state after one step; or an optimiser's class."""
    init: Callable[..., Any] | None = None
    """`init(params, knobs)` returns the state before the first step, tensors `[b, *]` by name; None: there is none."""
    matrices: bool = False
    """Whether every matrix is updated by itself, `[b, rows, columns]`, not all parameters as one row `[b, P]`."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of an optimiser's class, beside its step size."""

    @property
    def is_optimizer(self) -> bool:
        """Whether it is a class like those of `torch.optim`."""
        return isinstance(self.update, type)


def _checked(value: Any, who: str) -> OwnMethod:
    if not isinstance(value, OwnMethod):
        raise ConfigError(f"{who} is {quote(value)}, and no method: the decorator dynascope.method makes one")
    return value


METHODS: NamedObjects[OwnMethod] = NamedObjects(
    "method", _checked, "dynascope.methods",
    "register one with @dynascope.method, or start this program with --plugins DIR",
)  # fmt: skip
"""All own methods that can be found in this process."""


def method(
    name: str, init: Callable[..., Any] | None = None, matrices: bool = False, **options: Any
) -> Callable[[Any], OwnMethod]:
    """Register a method of your own: `@dynascope.method("name", init=init)` over its update.

    Parameters
    ----------
    name : under which knobs, links and stored runs find it; a later one takes the place of an earlier
    init : `init(params, knobs)` returns the state before the first step, tensors `[b, *]` by name
    matrices : whether every matrix is updated by itself, `[b, rows, columns]`, not all parameters as one row `[b, P]`
    options : of an optimiser's class, where that is what is registered: `method("amsgrad", amsgrad=True)(AdamW)`

    Raises
    ------
    ConfigError : a name that is none, or something that is neither a function nor a class
    """
    if not (isinstance(name, str) and FORM.fullmatch(name)):
        raise ConfigError(f"{quote(name)} cannot be the name of a method: letters, digits and _")

    def register(update: Any) -> OwnMethod:
        if not callable(update):
            raise ConfigError(
                f"the method {quote(name)} is {quote(update)}: neither a function nor a class of torch.optim"
            )
        made = OwnMethod(name, update, init, matrices, options)
        if made.is_optimizer and (init or matrices):
            raise ConfigError(
                f"the method {quote(name)} is a class, which has its own state: leave out init and matrices"
            )
        if options and not made.is_optimizer:
            raise ConfigError(
                f"the method {quote(name)} is a function, and takes no option {quote(next(iter(options)))}"
            )
        METHODS.cache[name] = made
        return made

    return register
