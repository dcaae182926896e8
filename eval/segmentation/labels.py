"""The 19 evaluation classes of Cityscapes, in trainId order."""

from enco.data.train_ids import IGNORE, LABEL_IDS, NAMES, train_ids

__all__ = ["IGNORE", "LABEL_IDS", "NAMES", "train_ids"]
