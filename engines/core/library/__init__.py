"""Libraries: folders of stored runs, found by what is said of them, named, tagged, deleted with undo, and queried."""
