"""The flicker score, the temporal warping error of a video. Does not know how the video was made.

A frame is compared with the one before it, moved to where things are now: what differs flickers. The motion is that of the source, so that
results from one source are compared along the same motion at the same places. Where something was covered or came into sight there is
nothing to compare with, and it is left out. A moving clip scores above 0 even if it is perfect, since motion is not found exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from runtime.errors import needs_extra
from runtime.picture import Picture
from video.finish.motion import Grey, MotionField, find_motion, find_traceable, move, scale_motion, shrink

with needs_extra("cpu"):
    import cv2


@dataclass(frozen=True)
class FlickerScore:
    """Mean absolute difference along motion, in grey levels of 255; less is better."""

    source: float
    result: float
    pairs: int  # of frames that were compared
    compared: float  # 0 … 1: the share of the pictures that was


@dataclass(frozen=True)
class _GreyFrames:
    """One frame of the source and of the result, in grey; `small` is what motion is looked for in."""

    small: Grey
    source: Grey
    result: Grey


class FlickerMeter:
    """Frames in their order, from one thread. A pair in which nothing can be compared, as at a cut, does not count."""

    def __init__(self) -> None:
        self._before: _GreyFrames | None = None
        self._source: list[float] = []
        self._result: list[float] = []
        self._compared: list[float] = []

    def add(self, source: Picture, result: Picture) -> None:
        """`result` may be larger, by the scale of a network that enlarges."""
        now = _GreyFrames(shrink(source), *(np.asarray(cv2.cvtColor(p, cv2.COLOR_BGR2GRAY), np.uint8) for p in (source, result)))
        before, self._before = self._before, now
        if before is None:
            return
        found = find_motion(now.small, before.small)
        mask = find_traceable(found, find_motion(before.small, now.small))
        share = float(mask.mean())
        if share < _LEAST:
            return
        self._compared.append(share)
        self._source.append(_apart(now.source, before.source, found, mask))
        self._result.append(_apart(now.result, before.result, found, mask))

    def restart(self) -> None:
        """What comes next is not compared with what came before."""
        self._before = None

    def score(self) -> FlickerScore | None:
        """None before two frames could be compared."""
        if not self._compared:
            return None
        source, result, compared = (float(np.mean(values)) for values in (self._source, self._result, self._compared))
        return FlickerScore(source, result, len(self._compared), compared)


_LEAST = 0.25  # of a picture; two that have nothing in common agree by chance on up to a fifth


def _apart(now: Grey, before: Grey, found: MotionField, mask: Grey) -> float:
    height, width = now.shape
    there = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST)
    return float(cv2.mean(cv2.absdiff(now, move(before, scale_motion(found, height, width))), there)[0])
