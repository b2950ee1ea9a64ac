"""Owns a number written into a picture as bars that survive encoders and networks, and reading it again; knows nothing of time.

Eight black or white blocks, the lowest bit first, and their opposites below: what is not both is not read.
"""

from __future__ import annotations

import numpy as np

from runtime.picture import Picture

BITS = 8  # the numbers are 0 … 255
ACROSS = 40  # blocks in the width of a picture


def side(width: int) -> int:
    """Of a block, in pixels."""
    return width // ACROSS


def write(picture: Picture, number: int) -> Picture:
    block = side(picture.shape[1])
    bits = np.array([number >> bit & 1 for bit in range(BITS)], np.uint8)
    marked = picture.copy()
    marked[: 2 * block, : BITS * block] = (np.stack([bits, 1 - bits]) * 255).repeat(block, 0).repeat(block, 1)[..., None]
    return marked


def read(picture: Picture) -> int | None:
    block = side(picture.shape[1])
    levels = picture[block // 2 : 2 * block : block, block // 2 : BITS * block : block].mean(axis=2)
    bits, opposites = levels > 127
    return None if (bits == opposites).any() else int((bits << np.arange(BITS)).sum())
