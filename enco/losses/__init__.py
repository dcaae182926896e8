"""Loss terms, and the sampling of the positions that losses compare."""
