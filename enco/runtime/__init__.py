"""The process and its device: capabilities, precision, random state, signals."""
