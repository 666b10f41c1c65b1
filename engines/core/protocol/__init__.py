"""What an engine is: configurations, declarations, the engine itself, and how engines are found."""
