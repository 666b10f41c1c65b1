"""What is computed of a landscape on demand."""
