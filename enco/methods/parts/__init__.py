"""Parts that several methods share, besides networks and losses."""
