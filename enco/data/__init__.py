"""What a training reads: image folders, images as tensors, manifests, unpaired batches."""
