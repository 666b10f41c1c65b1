"""The entry to watching: a module or a subject, in a loop of one's own or as a folder of checkpoints."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from engines.core.data.recording import Frame
from engines.core.library.library import default_folder
from engines.core.protocol.errors import ConfigError, StoreError, quote
from engines.core.protocol.paths import expand_home
from engines.core.runs.run import Run
from engines.core.subjects.keras_models import as_torch
from engines.core.subjects.subject import Params, Subject
from engines.core.watch.engine import ENGINE, WatchedTraining
from engines.core.watch.watch import SAMPLES, SHARE, Measured, Watch, channel_name, watched_frame

SUFFIX = ".safetensors"
"""Ending of checkpoints that are read: torch's own files may hold code, and reading them may run it."""


def watch(
    what: torch.nn.Module | Subject, loader: Any = None, loss: Callable[[Any, Any], Tensor] | None = None, *,
    params: torch.nn.Module | Params | None = None, optimizer: Any = None, eta: float = 0.0, momentum: float = 0.0,
    features: Sequence[str] = (), file: str | Path | None = None, name: str = "", share: float = SHARE,
    samples: int = SAMPLES,
) -> Watch:  # fmt: skip
    """Watch a training: `with watch(...) as eye:` around the loop, `eye.step(step, loss=..., **numbers)` in it.

    Parameters
    ----------
    what : the module that is trained, or a `Subject` with the trained module (or its parameters) as `params`
    loader, loss : samples and a loss `[n]` as `Subject.of` takes them: then gradient and curvature are measured
    optimizer : one of torch's, whose learning rate is recorded; of plain gradient descent its threshold 2/η, too
    eta, momentum : those of plain gradient descent where there is no such optimiser
    features : submodules whose features are measured class by class
    file : where the run is stored; default: among your runs
    share : of the time of the loop that watching may take; before it and after it three measurements are made

    Raises
    ------
    ConfigError : for what `Subject` refuses, and for what is neither module nor subject
    """
    subject, live = _subject(what, loader, loss, params, features)
    called = name or _called(what)
    about: dict[str, Any] = {"model": called, "eta": eta, "momentum": momentum, "threshold": eta > 0}
    if optimizer is not None:
        group, kind = optimizer.param_groups[0], type(optimizer)
        plain = kind is torch.optim.SGD and not group["nesterov"]
        about |= {"optimizer": kind.__name__, "threshold": plain, "momentum": group["momentum"] if plain else 0.0}
    measured = Measured(_parameters(live, subject), subject, _gradients(live), samples)
    target = Path(file) if file else default_folder() / f"watched-{channel_name(called)}-{_stamp()}.parquet"
    return Watch(measured, about, file=target, name=called, share=share, optimizer=optimizer)


def inspect(folder: str | Path, subject: Subject, *, samples: int = SAMPLES, name: str = "") -> Run:
    """Measure a subject at each checkpoint of a folder, in the order of the numbers in their names, which are steps.

    Read are `.safetensors` alone: `safetensors.torch.save_file(model.state_dict(), path)` writes them. The loss is that
    of the training samples. Raises `StoreError` for a folder without checkpoints and for one that does not fit the
    subject.
    """
    files = _checkpoints(expand_home(folder))
    now: dict[str, Tensor] = dict(subject.params)
    first, state = files[0][1], {}
    now.update(_fitting(first, subject, _state(first)))
    measured = Measured(lambda: now, subject, samples=samples)
    layers = {layer: channel_name(layer) for layer in measured.layers()}
    config = WatchedTraining(
        model=subject.name, parameters=measured.parameters, layers=" ".join(layers.values()), curvature=True
    )
    run = Run(ENGINE.for_configs([config]), [config])
    for step, path in files:
        state = _state(path)
        now.update(_fitting(path, subject, state))
        _set_buffers(subject, state)
        values = {"loss": float(subject.at(now).mean_loss(subject.at(now).theta))} | measured(layers)
        run.recording.append(Frame(step, watched_frame(values)), run.thin)
    run.name, run.notes = name or subject.name, tuple(measured.notes)
    return run


def _stamp() -> str:
    return time.strftime("%Y%m%d-%H%M%S")


# -- what is watched ---------------------------------------------------------------------------------------------


def _subject(
    what: Any, loader: Any, loss: Any, params: Any, features: Sequence[str]
) -> tuple[Subject | None, torch.nn.Module | Params]:
    """Return the subject, None without a loss, and what holds the parameters that are trained."""
    if isinstance(what, Subject):
        if params is None:
            raise ConfigError("a subject has parameters of its own: params= says which module, or tensors, are trained")
        return what, as_torch(params)
    if not isinstance(what, torch.nn.Module):
        raise ConfigError(f"{quote(what)} is neither a torch.nn.Module nor a Subject")
    if (loader is None) != (loss is None):
        raise ConfigError("the curvature takes both, loader= and loss=, or neither")
    if loss is None:
        if features:
            raise ConfigError("features are measured on samples: give loader= and loss=, too")
        return None, as_torch(what)
    return Subject.of(what, loader, loss, features=features), as_torch(what)


def _called(what: Any) -> str:
    return what.name if isinstance(what, Subject) else type(what).__name__


def _named(live: torch.nn.Module | Params) -> Mapping[str, Tensor]:
    return dict(live.named_parameters()) if isinstance(live, torch.nn.Module) else live


def _parameters(live: torch.nn.Module | Params, subject: Subject | None) -> Callable[[], Params]:
    """Function that returns the parameters as they are now; a subject's module gets the buffers of the trained one."""
    there = _named(live)
    names = list(subject.params) if subject else [name for name, one in there.items() if one.requires_grad]
    if missing := [name for name in names if name not in there]:
        raise ConfigError(f"what is trained has no parameter {quote(missing[0])}, and the subject has")

    def now() -> Params:
        if subject is not None and isinstance(live, torch.nn.Module):
            _set_buffers(subject, dict(live.named_buffers()))
        current = _named(live)
        return {name: current[name] for name in names}

    return now


def _set_buffers(subject: Subject, state: Mapping[str, Tensor]) -> None:
    """Give the frozen module of a subject the running statistics that belong to the parameters."""
    with torch.no_grad():
        for name, one in subject.module.named_buffers() if subject.module is not None else ():
            if name in state:
                one.copy_(state[name])


def _gradients(live: torch.nn.Module | Params) -> Callable[[], Sequence[Tensor | None]]:
    return lambda: [one.grad for one in _named(live).values()]


# -- checkpoints ---------------------------------------------------------------------------------------------------


def _checkpoints(folder: Path) -> list[tuple[int, Path]]:
    """List checkpoints by the last number in their names, their place where names have none, in order."""
    if not folder.is_dir():
        raise StoreError(f"{folder} is no folder")
    paths = sorted(path for path in folder.glob("*") if path.suffix == SUFFIX and path.is_file())
    if not paths:
        raise StoreError(f"{folder} holds no checkpoints: files that end with {SUFFIX}")
    numbers = [re.findall(r"\d+", path.stem) for path in paths]
    steps = [int(digits[-1]) for digits in numbers if digits]
    if len(set(steps)) < len(paths):
        if steps and len(steps) == len(paths):
            raise StoreError(f"two checkpoints in {folder} are of one step: the last number in a name is its step")
        steps = list(range(len(paths)))
    return sorted(zip(steps, paths, strict=True))


def _state(path: Path) -> Mapping[str, Tensor]:
    """Read the tensors of a checkpoint. Raises `StoreError`."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise StoreError(f"{path} is no readable checkpoint: {' '.join(str(error).split())[:200]}") from error


def _fitting(path: Path, subject: Subject, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Choose a subject's parameters from a checkpoint. Raises `StoreError` where one is missing or of another shape."""
    for name, shape in subject.shapes.items():
        actual = tuple(state[name].shape) if name in state else None
        if actual != shape:
            what = "is not there" if actual is None else f"has the shape {list(actual)}, and not {list(shape)}"
            raise StoreError(f"{path} does not fit {quote(subject.name)}: {name} {what}")
    return {name: state[name].to(subject.params[name]) for name in subject.params}
