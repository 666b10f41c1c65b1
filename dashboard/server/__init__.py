"""Routes, options of the server, who may come in, and the look of every page."""
