"""Recordings, and the schedule of steps at which they are made."""
