"""How networks are trained: optimizers, the loop, random subspaces."""
