"""Exact degeneracy of a network: free directions of its behavioural loss, counted and explained."""
