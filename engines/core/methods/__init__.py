"""Methods of optimisation as values: each has `init` and `update`, knows no problem, and trains what any engine has."""
