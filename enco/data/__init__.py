"""Data as a training reads them: image folders, images as tensors, manifests, unpaired batches."""
