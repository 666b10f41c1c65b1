"""What is open: an experiment, its cursor, its curves and how it is viewed."""
