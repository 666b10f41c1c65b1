"""Probes: expensive observables of one member at a step, computed on demand."""

from engines.loss_landscape.probes import (
    collapse,
    connectivity,
    degeneracy,
    hessian,
    interaction_basis,
    intrinsic_dimension,
    llc,
    surface,
)

PROBES = (
    degeneracy.PROBE,
    surface.PROBE,
    llc.PROBE,
    hessian.PROBE,
    interaction_basis.PROBE,
    connectivity.PROBE,
    intrinsic_dimension.PROBE,
    collapse.PROBE,
)
