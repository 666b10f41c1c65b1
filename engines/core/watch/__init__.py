"""Trainings that somebody else's loop computes: what is recorded of them, while they go on and afterwards."""
