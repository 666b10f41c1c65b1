"""The claims of each preset as numbers that a run can be judged by."""

from engines.loss_landscape.verdicts import counts, probed, sampled, trained

__all__ = ["counts", "probed", "sampled", "trained"]
