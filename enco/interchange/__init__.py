"""Generators in the files of other code bases: import, export."""
