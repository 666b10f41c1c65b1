"""Runs that a person plays: their runner, and the scheduler that shares the machine."""
