"""How each kind of picture that a probe declares is drawn."""
