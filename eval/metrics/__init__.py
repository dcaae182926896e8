"""Metrics of translated image sets: features, FID, precision and recall."""
