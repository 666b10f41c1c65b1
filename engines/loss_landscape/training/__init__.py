"""Training of networks: optimisers, the loop, random subspaces."""
