"""Expensive observables of a network at one step."""

PROBES = ()
