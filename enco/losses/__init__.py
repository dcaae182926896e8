"""Loss terms and the sampling of the positions that they look at."""
