"""What `python -m enco.methods new` begins with: a whole method, and a scale with a table for it."""
