"""Metrics of translated image sets, and the tables made of them."""
