"""Callbacks that watch the loops of Lightning, Hugging Face and Keras; each imports its package when it is made."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from engines.core.protocol.errors import ConfigError
from engines.core.watch.watch import Watch


def lightning(eye: Watch) -> Any:
    """Make a callback for Lightning's `Trainer(callbacks=[...])`. Raises `ConfigError` where it is not installed."""

    class Callback(_base("Callback", "lightning.pytorch.callbacks", "pytorch_lightning.callbacks")):
        def on_train_start(self, trainer: Any, module: Any) -> None:
            eye.__enter__()

        def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
            if eye.before < trainer.global_step:  # several batches may make one step
                eye.step(trainer.global_step, loss=loss)

        def on_train_end(self, trainer: Any, module: Any) -> None:
            eye.__exit__(None, None, None)

        def on_exception(self, trainer: Any, module: Any, exception: BaseException) -> None:
            eye.__exit__(type(exception), exception, None)

    return Callback()


def hugging_face(eye: Watch) -> Any:
    """Make a callback for Hugging Face's `Trainer(callbacks=[...])`; the loss is the one that it logged last."""
    loss: list[Any] = [None]

    def taken(step: int) -> None:
        if eye.before < step:
            eye.step(step, loss=loss[0])

    class Callback(_base("TrainerCallback", "transformers")):
        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            eye.__enter__()

        def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any], **kwargs: Any) -> None:
            if "loss" in logs:  # the trainer logs a step after it says that the step has ended
                loss[0] = logs["loss"]
                taken(state.global_step)

        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step:
                taken(state.global_step)

        def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            taken(state.global_step)
            eye.__exit__(None, None, None)

    return Callback()


def keras(eye: Watch) -> Any:
    """Make a callback for `fit(callbacks=[...])` of Keras with torch as its backend."""

    class Callback(_base("Callback", "keras.callbacks")):
        def on_train_begin(self, logs: Any = None) -> None:
            eye.__enter__()

        def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
            eye.step(eye.before + 1, **dict(logs or {}))

        def on_train_end(self, logs: Any = None) -> None:
            eye.__exit__(None, None, None)

    return Callback()


def _base(name: str, *modules: str) -> Any:
    """Return the class that a package wants callbacks to inherit from. Raises `ConfigError`."""
    for module in modules:
        try:
            return getattr(import_module(module), name)
        except ImportError:
            continue
    raise ConfigError(f"this callback needs the package {modules[0].split('.')[0]}, which is not installed")
