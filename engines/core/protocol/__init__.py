"""The protocol of engines: configurations, declarations, the engine itself, and how engines are found."""
