"""What probes computed, drawn as they declare it: a class for each kind of picture."""
