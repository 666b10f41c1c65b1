"""Runs and arrays on disk."""
