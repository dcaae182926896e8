"""What several methods share beside networks and losses."""
