"""Orchestration: which runs the tables need, and how they are made."""
