"""Unpaired image-to-image translation methods and their training."""
