"""Why a trained network has fewer effective parameters than weights: Bushnaq et al. 2024, arXiv 2405.10927.

Rooms from bottom to top; each imports only from rooms above it in this list:

    config  channels           knobs, and what is recorded
    models                     networks, their data, losses in closed form
    training                   AdamW, minibatches, random subspaces
    degeneracy                 the Jacobian, its rank (numerical_rank), synchronised neurons, counts of free directions
    interaction                bases of features, edges between them, the graph
    hessian                    products, Lanczos, spectral density, effective dimension
    learning_coefficient       chains, estimates (llc), closed forms, quadrature, Gibbs sampling
    loss_surface               planes, surfaces, mode connectivity
    dynamics                   training and chains as simulations, live observables
    probes                     expensive observables of one member at a step
    predictions  plots  story  predictions, figures and text of a run
    verdicts  presets          experiments and the claims they are judged by
    engine                     all of it under one name, with cautions, relevance and memory
"""

from engines.loss_landscape.engine import ENGINE

__all__ = ["ENGINE"]
