"""The before-and-after picture. Does not know clips, models or scores."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from runtime.picture import Picture
from video.live.preview import wipe

_Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels
_WHITE = (255, 255, 255)


def before_after(before: Picture, after: Picture, boxes: Sequence[_Box]) -> Picture:
    """The left half before, the right half after; below it the first two boxes enlarged, each before and after."""
    picture = wipe(before, after, 0.5)
    if len(boxes) < 2:
        return picture
    width = before.shape[1]
    rule = max(1, width // 480)
    edges = [round(width * part / 4) for part in range(5)]
    high = round(width / 4 * 0.5)
    panels = []
    for number in range(4):
        source, box = (before, after)[number % 2], boxes[number // 2]
        panel = _enlarged(source, box, edges[number + 1] - edges[number], high)
        _caption(panel, ("before", "after")[number % 2], width)
        panel[:, :rule] = _WHITE if number else panel[:, :rule]
        panels.append(panel)
    line = np.full((rule, width, 3), 255, np.uint8)
    return np.concatenate((picture, line, np.concatenate(panels, 1)))


def _enlarged(picture: Picture, box: _Box, width: int, height: int) -> Picture:
    """The box and some of what is around it, in the panel's shape."""
    left, top, right, bottom = box
    broad = min(max((right - left) * 1.25, (bottom - top) * 1.25 * width / height, 16.0), float(picture.shape[1]))
    high = min(broad * height / width, float(picture.shape[0]))
    x = min(max((left + right - broad) / 2, 0.0), picture.shape[1] - broad)
    y = min(max((top + bottom - high) / 2, 0.0), picture.shape[0] - high)
    part = picture[round(y) : round(y + high), round(x) : round(x + broad)]
    return np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _caption(panel: Picture, words: str, of_width: int) -> None:
    scale, thick = of_width / 2000, max(1, of_width // 900)
    at = (max(2, of_width // 100), panel.shape[0] - max(2, of_width // 100))
    cv2.putText(panel, words, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 4 * thick, cv2.LINE_AA)
    cv2.putText(panel, words, at, cv2.FONT_HERSHEY_SIMPLEX, scale, _WHITE, thick, cv2.LINE_AA)
