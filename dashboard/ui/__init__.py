"""The common ground of all pages: browser components, updates, formats, colours, keys."""
