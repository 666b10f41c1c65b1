"""Widgets in, commands out: knobs, ensembles, presets, transport, members."""
