"""Marks: how each kind of plot is drawn with Bokeh."""
