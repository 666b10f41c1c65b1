"""Models of Keras on torch as modules of torch: what is trained of them is not where torch looks."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Self

import torch


def as_torch(module: Any) -> Any:
    """Wrap a model of Keras so that torch finds what is trained; anything else stays as it is."""
    return KerasModule(module) if hasattr(module, "stateless_call") and hasattr(module, "variables") else module


class KerasModule(torch.nn.Module):
    """A model of Keras in evaluation mode: it shares its variables with the model, a copy has its own values of them.

    A model computes in the type in which it was made: `keras.config.set_floatx("float64")` makes it one for curvature.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self._model = (model,)  # a layer of Keras would become a part of this module
        for variable in model.variables:
            if variable.trainable:
                self.register_parameter(variable.path, variable.value)
            else:
                self.register_buffer(variable.path, variable.value)

    def __deepcopy__(self, memo: Any) -> Self:
        made = type(self)(self._model[0])
        for name, one in self.named_parameters():
            made.register_parameter(name, torch.nn.Parameter(one.detach().clone(), one.requires_grad))
        for name, one in self.named_buffers():
            made.register_buffer(name, one.detach().clone())
        return made

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the model's outputs with the parameters and buffers that this module has now."""
        (model,) = self._model
        now = self._parameters | self._buffers
        values = [(variable, now[variable.path]) for variable in model.variables]
        with import_module("keras").StatelessScope(values):
            return model(*args, training=False, **kwargs)
