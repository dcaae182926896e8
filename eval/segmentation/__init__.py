"""Semantic segmentation scores of generated street scenes with DRN-D-22."""
