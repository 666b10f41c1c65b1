"""What every part of the page is made of: browser components, batches, formats, colours, keys."""
