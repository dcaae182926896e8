"""MLflow as a mirror of the run folders: `python -m enco.tracking`."""
