"""What the reader is seeing of a network."""
def phases(run,member): return []
def story(run,member): ...
def caution(c): return ""
def stability(c): return ""
