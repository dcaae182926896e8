"""Seconds per training iteration: `python -m eval.timing`."""
