"""The state of one lab without any widget: its experiment, cursor and curves, its link and its lesson."""
