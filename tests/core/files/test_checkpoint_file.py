"""Checkpoints on disk."""

import torch

from engines.core.compute.simulation import Simulation
from engines.core.files.checkpoint_file import restore_checkpoint, write_checkpoint
from tests.core.toy import ENGINE, Toy

LINE = 64


def test_what_is_restored_begins_where_fresh_tensors_do(tmp_path):
    """Libraries of linear algebra round differently where an array begins elsewhere in a line of the cache."""
    members = [Toy(d=d, seed=seed) for d in (1, 3, 8) for seed in range(2)]
    running, fresh = (Simulation(ENGINE, members, torch.device("cpu")) for _ in range(2))
    running.advance(5)
    write_checkpoint(running.checkpoint(), tmp_path / "state")
    restore_checkpoint(fresh, tmp_path / "state")
    tensors = [tensor for batch in fresh.batches for tensor in (*batch.state, *batch.knobs.values())]
    assert len(tensors) > 10
    assert all(tensor.data_ptr() % LINE == 0 for tensor in tensors)
