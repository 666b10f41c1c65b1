"""Numerical routines that several engines share."""
