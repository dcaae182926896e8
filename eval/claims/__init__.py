"""The paper's claims as checks on cells: what the printed numbers say of each, and what measured ones say."""
