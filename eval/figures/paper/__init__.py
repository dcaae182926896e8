"""The figures of the paper that show networks and translations: 1, 2, 5, 6, 8, 9 and 10."""
