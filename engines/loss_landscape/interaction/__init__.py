"""The interaction basis of a network, its edges and ablations, and how sparse and modular its graph is."""
