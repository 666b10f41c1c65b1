"""The server around the pages: its options, what it lets in, the gallery, the theme, the window."""
