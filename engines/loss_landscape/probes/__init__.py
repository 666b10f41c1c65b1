"""What is computed of one member on demand: one probe a file."""
