"""Generators, discriminators, heads and feature extractors."""
