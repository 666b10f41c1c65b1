"""The common ground of all pages: browser components, batches, formats, colours, keys."""
