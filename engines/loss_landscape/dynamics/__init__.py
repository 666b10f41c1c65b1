"""How parameters move: trained, sampled by chains, or drawn in a box."""
