"""The commands of the terminal that need no page: each computes or reads something and prints what came of it."""
