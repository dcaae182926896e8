"""Image sets: the standard folder layout, unpaired sampling, and the procedural demo domains."""
