"""Draws the wipe that shows two pictures as one. Does not know where they come from."""

from __future__ import annotations

import numpy as np

from runtime.errors import PictureError, needs_extra
from runtime.picture import Picture

with needs_extra("cpu"):
    import cv2

_WHITE = (255, 255, 255)
_BLACK = (0, 0, 0)


def wipe(before: Picture, after: Picture, position: float, labels: tuple[str, str] = ("before", "after")) -> Picture:
    """`before` left of the line at `position` (0 … 1 of the width), `after` right of it. A new picture."""
    if before.shape != after.shape:
        raise PictureError(f"wipe: expected two pictures of one size, got {before.shape} and {after.shape}")
    height, width = before.shape[:2]
    column = round(min(max(position, 0.0), 1.0) * width)
    picture = np.ascontiguousarray(after).copy()
    picture[:, :column] = before[:, :column]
    thick = max(1, width // 480)
    if 0 < column < width:
        cv2.line(picture, (column, 0), (column, height), _WHITE, thick)
    # Each label stands still at its own edge and is covered as the line passes over it.
    _label(picture[:, :column], labels[0], right=False, of_width=width)
    _label(picture[:, column:], labels[1], right=True, of_width=width)
    return picture


def _label(part: Picture, text: str, *, right: bool, of_width: int) -> None:
    """Writes into a part of a picture, white on a dark rim, readable on anything. Too narrow parts stay as they are."""
    scale, thick = of_width / 1280, max(1, of_width // 640)
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
    margin = max(2, of_width // 64)
    if part.shape[1] < width + 2 * margin or part.shape[0] < height + 2 * margin:
        return
    drawn = np.ascontiguousarray(part)
    at = (part.shape[1] - margin - width if right else margin, margin + height)
    cv2.putText(drawn, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, _BLACK, thick + 2 * max(1, thick), cv2.LINE_AA)
    cv2.putText(drawn, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, _WHITE, thick, cv2.LINE_AA)
    part[:] = drawn
