"""What can be looked at on the page, as pictures of a size for screens. Does not know encoders or viewers.

To add a view, write its function and name it in VIEWS: the page's button, its addresses and its encoders come from there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from runtime.errors import needs_extra
from runtime.picture import Picture
from runtime.restorer import Restored

with needs_extra("live"):
    import cv2

WIDEST = 1280  # pixels; before and after of 1080p would cost the encoder 45 ms a frame in place of 20


@dataclass(frozen=True)
class View:
    name: str  # in addresses
    title: str  # on the page's button
    draw: Callable[[Picture, Picture], Picture]  # of before and after, each of one even size; what comes out is even too, as 4:2:0 has it
    is_pair: bool  # two pictures of one size, one above the other: the page shows one of them left of its line, the other right of it

    def __post_init__(self) -> None:
        if not re.fullmatch("[a-z][a-z0-9-]*", self.name) or not self.title:
            raise ValueError(f"page view {self.name!r}: expected a name of a-z, 0-9 and -, and a title, got {self.title!r} as title")

    def __call__(self, restored: Restored) -> Picture:
        """Both are fitted first, so that no colour runs from one into the other."""
        return self.draw(_fit_screens(restored.before), _fit_screens(restored.image))


def table(*views: View) -> dict[str, View]:
    names = [view.name for view in views]
    if len(set(names)) < len(names):
        raise ValueError(f"page views: expected each name once, got {', '.join(names)}")
    return dict(zip(names, views, strict=True))


def _stack(before: Picture, after: Picture) -> Picture:
    return np.concatenate((before, after))


def _subtract(before: Picture, after: Picture) -> Picture:
    """128 + (before − after)/2, as Restored.removed."""
    return np.asarray(cv2.addWeighted(before, 0.5, after, -0.5, 128), np.uint8)


VIEWS = table(  # in the order of the page's buttons; it opens with the first
    View("compare", "Before / after", _stack, is_pair=True),
    View("removed", "Removed", _subtract, is_pair=False),
)


def _fit_screens(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    if width > WIDEST:
        size = (WIDEST, round(height * WIDEST / width / 2) * 2)
        return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    return picture[: height // 2 * 2, : width // 2 * 2]
