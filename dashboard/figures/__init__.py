"""How a run is drawn: figures, the lines laid over them, and their tables."""
