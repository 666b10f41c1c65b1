"""Why a trained network has fewer effective parameters than weights: Bushnaq et al. 2024, arXiv 2405.10927."""

from engines.loss_landscape.engine import ENGINE

__all__ = ["ENGINE"]
