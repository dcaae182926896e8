"""Figures: translations of chosen test images side by side, and distances over training."""
