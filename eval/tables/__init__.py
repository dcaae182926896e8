"""Tables 1-4: specification, cells, layout, files."""
