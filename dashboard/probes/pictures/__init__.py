"""Pictures of what probes computed: a class for each kind that can be declared."""
