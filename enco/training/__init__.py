"""Steps, checkpoints, logs and provenance around the training loop of `enco.train`."""
