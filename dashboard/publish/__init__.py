"""Plots as HoloViews objects, in print, as movies and in archives: all that a reader takes away."""
