"""Training of networks: optimisers, minibatches, random subspaces."""
