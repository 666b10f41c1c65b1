"""What each preset claims, as numbers."""

from engines.loss_landscape.verdicts import chains, counts, probed, trained

__all__ = ["chains", "counts", "probed", "trained"]
