"""Subjects that a person brings: a loss with its parameters and data, checked where they come in."""
