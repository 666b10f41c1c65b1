"""Stored and pinned runs: the library, comparison, links and files."""
