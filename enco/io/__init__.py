"""Files on disk: written whole or not at all, locked, downloaded and verified."""
