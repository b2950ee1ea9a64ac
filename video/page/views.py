"""Owns what can be looked at on the page, as pictures of a size for screens; knows nothing of encoders or viewers."""

from __future__ import annotations

from enum import Enum

import numpy as np

from runtime.errors import MissingExtra
from runtime.picture import Picture
from runtime.restorer import Restored

try:
    import cv2
except ImportError as error:
    raise MissingExtra("cv2", "live") from error

WIDEST = 1280  # pixels; before and after of 1080p would cost the encoder 45 ms a frame in place of 20


class View(Enum):
    COMPARE = "compare"  # before above after, of one moment: the page's slider cuts them
    REMOVED = "removed"  # 128 + (before − after)/2, as Restored.removed


def drawn(restored: Restored, view: View) -> Picture:
    """An even width and height, as 4:2:0 has them, of each of the two as well, so that no colour runs from one into the other."""
    pair = _for_screens(restored.before), _for_screens(restored.image)
    if view is View.COMPARE:
        return np.concatenate(pair)
    return np.asarray(cv2.addWeighted(pair[0], 0.5, pair[1], -0.5, 128), np.uint8)


def _for_screens(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    if width > WIDEST:
        size = (WIDEST, round(height * WIDEST / width / 2) * 2)
        return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    return picture[: height // 2 * 2, : width // 2 * 2]
