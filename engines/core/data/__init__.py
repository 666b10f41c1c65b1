"""What a run records, and at which steps."""
