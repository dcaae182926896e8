"""What surrounds the training loop of `enco.train`: steps, checkpoints, records, logs."""
