"""What is computed of one member on demand: one probe a file."""

from engines.loss_landscape.probes import (
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
)
