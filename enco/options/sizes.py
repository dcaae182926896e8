"""Sides of images that discriminators have room for."""

from __future__ import annotations


def smallest_side(scales: int) -> int:
    """Pixels that an image's sides need for this many scales: the last must see 16 x 16."""
    return 15 * 2 ** (scales - 1) + 1


def most_scales(side: int, limit: int) -> int:
    """Scales, up to a limit and at least 1, that images of this many pixels have room for."""
    return max((scales for scales in range(1, limit + 1) if smallest_side(scales) <= side), default=1)


def smallest_content_side(layers: int) -> int:
    """Pixels that an image's sides need for a content discriminator of this many strided layers."""
    return 28 * 2**layers - 15


def most_content_layers(side: int, limit: int) -> int:
    """Strided layers of a content discriminator, up to a limit, that images of this many pixels have room for."""
    return max((layers for layers in range(limit + 1) if smallest_content_side(layers) <= side), default=0)


def most_halvings(side: int) -> int:
    """How often a global discriminator can halve images of `side` pixels, 4 or more, and still have 4 x 4 cells."""
    return (side // 4).bit_length() - 1
