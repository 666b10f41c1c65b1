"""Sweeps: many members over many processes or machines, of which what is asked for is kept."""
