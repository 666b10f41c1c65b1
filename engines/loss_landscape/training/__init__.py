"""Trained subjects: small networks with their data, as functions of a flat vector of parameters."""
