"""How sure a number is, and what features tell beyond the paper's metrics (docs/decisions/0017-uncertainty.md)."""
