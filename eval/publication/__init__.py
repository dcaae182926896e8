"""The page of a scale's results, written from its CSV files alone."""
