"""Checkpoints as files: the state of a simulation, from which its run goes on bit for bit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from engines.core.compute.checkpoints import Checkpoint
from engines.core.compute.simulation import Simulation
from engines.core.data.schedule import Schedule
from engines.core.files.atomic_file import writing
from engines.core.files.store import reason, require_format
from engines.core.protocol.errors import StoreError

FORMAT = 1


def write_checkpoint(saved: Checkpoint, path: Path) -> None:
    """Write the state of a simulation, as a whole or not at all. Raises `StoreError`."""
    tensors = {
        f"{index}/{kind}/{name}": tensor.clone(memory_format=torch.contiguous_format)  # a file shares no memory
        for index, (state, knobs) in enumerate(saved.batches)
        for kind, group in (("state", state._asdict()), ("knobs", knobs))
        for name, tensor in group.items()
    }
    about = {
        "format": FORMAT,
        "step": saved.step,
        "origin": saved.schedule.origin,
        "diverged_at": saved.diverged_at.tolist(),
    }
    with writing(path) as file:
        file.write(save(tensors, {"dynascope": json.dumps(about)}))


def restore_checkpoint(simulation: Simulation, path: Path) -> None:
    """Bring a simulation of the same configurations to what `write_checkpoint` wrote. Raises `StoreError`."""
    try:
        with safe_open(path, "pt", device="cpu") as file:
            about = json.loads(file.metadata()["dynascope"])
            require_format(about["format"], FORMAT)
            batches = []
            for index, (state, knobs) in enumerate((batch.state, batch.knobs) for batch in simulation.batches):
                read = lambda like, kind, name, index=index: _like(like, file.get_tensor(f"{index}/{kind}/{name}"))  # noqa: E731
                fresh = type(state)(**{name: read(value, "state", name) for name, value in state._asdict().items()})
                batches.append((fresh, {name: read(value, "knobs", name) for name, value in knobs.items()}))
        diverged_at = np.array(about["diverged_at"], dtype=np.int64)
        if diverged_at.shape != (simulation.size,):
            raise StoreError(f"it has {len(diverged_at)} members, not {simulation.size}")
        simulation.restore(Checkpoint(about["step"], Schedule(about["origin"]), diverged_at, tuple(batches)))
    except (OSError, SafetensorError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"{path} is not a checkpoint of this run: {reason(error)}") from error


def _like(fresh: Tensor, stored: Tensor) -> Tensor:
    """Return a stored tensor on the device of a fresh one. Raises `StoreError` where it is of another kind."""
    if stored.shape != fresh.shape or stored.dtype != fresh.dtype:
        raise StoreError(f"it holds {tuple(stored.shape)} of {stored.dtype}, not {tuple(fresh.shape)} of {fresh.dtype}")
    # In memory of its own: that of the file begins anywhere, where some libraries of linear algebra round otherwise.
    return stored.to(fresh.device, copy=True)
