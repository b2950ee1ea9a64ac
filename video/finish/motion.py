"""Where each part of a picture was in the picture before. Does not know what that is used for.

Motion is looked for in grey at half the size, by OpenCV's DIS flow. Rain before a scene, and what a network leaves of it, look like
movement where there is none: so a place stands still unless movement explains it clearly better.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from runtime.errors import needs_extra
from runtime.picture import Picture

with needs_extra("cpu"):
    import cv2

Grey = NDArray[np.uint8]  # [H, W]
MotionField = NDArray[np.float32]  # [H, W, 2]: x and y, in pixels
_Levels = TypeVar("_Levels", NDArray[np.uint8], NDArray[np.float32])

_SMALLEST_HALVED = 32  # pixels a side; DIS wants nine of what it is given
_WINDOW = 15  # pixels of the small picture over which standing and moving are compared
_CLEARLY = (1.1, 0.5)  # moving must leave less than (what standing leaves − the second, grey levels) ÷ the first
_BESIDE, _MOST = 7, 0.8  # DIS matches blocks of 8 and finds the edges of motion to within half of one; single misses are noise


def shrink(picture: Picture) -> Grey:
    """What motion is looked for in: grey, half the size, softened so that sensor noise and single streaks count less."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    height, width = grey.shape
    if min(height, width) >= _SMALLEST_HALVED:
        grey = cv2.resize(grey, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), 1.0), np.uint8)


def find_motion(now: Grey, before: Grey) -> MotionField:
    """How far away each pixel of `now` was in `before`: now[y, x] looks like before[y + motion y, x + motion x]; 0 where it stands."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    found = np.asarray(search.calc(now, before, None), np.float32)  # type: ignore[call-overload]  # an array here would be its first guess
    standing, moving = _left(now, before), _left(now, move(before, found))
    factor, margin = _CLEARLY
    found[standing <= factor * moving + margin] = 0
    return found


def _left(one: Grey, other: Grey) -> NDArray[np.float32]:
    return np.asarray(cv2.blur(cv2.absdiff(one, other), (_WINDOW, _WINDOW)), np.float32)


def scale_motion(field: MotionField, height: int, width: int) -> MotionField:
    """The motion in a picture of that size."""
    rows, columns = field.shape[:2]
    large = cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large * np.array((width / columns, height / rows), np.float32), np.float32)


def move(before: _Levels, field: MotionField) -> _Levels:
    """`before` as it would look now; what comes from outside is its border, repeated."""
    places = cv2.add(_places(*field.shape[:2]), field)
    return cv2.remap(before, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload, no-any-return]


def find_traceable(forth: MotionField, back: MotionField) -> NDArray[np.uint8]:
    """1 where motion there and back ends where it began, inside the picture: nothing was covered or came into sight there or beside it."""
    height, width = forth.shape[:2]
    apart = forth + move(back, forth)
    long = (forth**2).sum(2) + (back**2).sum(2)
    places = _places(height, width) + forth
    inside = (places >= 0).all(2) & (places <= (width - 1, height - 1)).all(2)
    returned = (apart**2).sum(2) <= 0.01 * long + 0.5  # the limits of Sundaram, Brox and Keutzer (2010)
    around = cv2.blur(returned.astype(np.float32), (_BESIDE, _BESIDE))
    return np.asarray(returned & inside & (around >= _MOST), np.uint8)


@lru_cache(maxsize=4)
def _places(height: int, width: int) -> MotionField:
    rows, columns = np.mgrid[0:height, 0:width]
    places = np.dstack((columns, rows)).astype(np.float32)
    places.flags.writeable = False
    return places
