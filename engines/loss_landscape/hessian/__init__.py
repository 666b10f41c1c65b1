"""Products with a Hessian, and what is computed from them: eigenvalues, densities, traces, effective dimensions."""
