"""Scenes: the problems. Each is one of the dynamics of the engine, and any method may run in it."""
