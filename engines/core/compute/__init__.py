"""One simulation on one device: batches, steps, checkpoints, memory."""
