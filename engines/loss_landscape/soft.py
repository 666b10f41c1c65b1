"""Soft ranks."""

from engines.loss_landscape.curvature.counts import soft_rank

__all__ = ["soft_rank"]
