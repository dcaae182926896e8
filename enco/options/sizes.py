"""The sides of images that discriminators need."""

from __future__ import annotations


def smallest_side(scales: int) -> int:
    """Return the pixels that an image's sides need for this many scales: the last scale needs 16 x 16."""
    return 15 * 2 ** (scales - 1) + 1


def most_scales(side: int, limit: int) -> int:
    """Return the most scales, up to a limit and at least 1, for images with sides of this many pixels."""
    return max((scales for scales in range(1, limit + 1) if smallest_side(scales) <= side), default=1)


def smallest_content_side(layers: int) -> int:
    """Return the pixels that an image's sides need for a content discriminator of this many strided layers."""
    return 28 * 2**layers - 15


def most_content_layers(side: int, limit: int) -> int:
    """Return the most strided layers of a content discriminator, up to a limit, for sides of this many pixels."""
    return max((layers for layers in range(limit + 1) if smallest_content_side(layers) <= side), default=0)


def most_halvings(side: int) -> int:
    """Return the most halvings of a global discriminator that leave 4 x 4 cells of `side` pixels, 4 or more."""
    return (side // 4).bit_length() - 1
