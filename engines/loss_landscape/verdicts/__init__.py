"""The claims of each preset as numbers that a run can be judged by."""

from engines.loss_landscape.verdicts import chains, counts, probed, trained

__all__ = ["chains", "counts", "probed", "trained"]
