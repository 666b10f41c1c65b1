"""The interaction basis of a network, its graph of interactions, and how sparse and modular that is."""
