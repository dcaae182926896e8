"""Metrics of translated image sets: features, Fréchet distance, precision and recall."""
