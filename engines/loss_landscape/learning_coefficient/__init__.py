"""The local learning coefficient: chains that estimate it, and its values in closed form and by quadrature."""
