"""Input and parameter functions of the rules, one file for each file of `rules/`."""
