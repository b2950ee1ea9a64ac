"""Flicker reduction of restored frames. Does not know networks or files.

A frame is blended with the result of the one before it, moved to where things are now, as far as the two agree. What is blended is the
restored picture. Blending the layer that was removed brings back the noise that the network took out, and flickers more than before
(docs/flicker.md has the figures).

    result(n) = restored(n) + trust · (moved(result(n − 1)) − restored(n))
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.errors import needs_extra
from runtime.picture import Picture
from video.finish.motion import Grey, MotionField, find_motion, move, scale_motion, shrink

with needs_extra("cpu"):
    import cv2

_WINDOW = 15  # pixels over which two pictures are compared: wider than what is left of a streak, so that a streak does not save itself
_FINE = 4  # bins a grey level of difference
_STANDING, _MOVING = (0.8, 12.0), (0.5, 6.0)  # the most of the past that is taken, and the highest tolerance, grey levels
_TOLERATED = 3.0  # times what standing places differ by on average; half as many where things move
_CUT = 0.5  # of the picture that differs by more than any tolerance: driving in rain up to 0.13 does, after a jump of a second 0.55


@dataclass(frozen=True)
class FlickerReductionState:
    """All that one frame leaves for the next. Nobody may write into its arrays."""

    image: Picture  # with less flicker
    seen: Grey  # of the frame as it was restored: what the next one's motion is measured against


def reduce_flicker(state: FlickerReductionState | None, restored: Picture) -> FlickerReductionState:
    """The state after this frame; its `image` is the result. The restored picture itself after None, a cut, or another size."""
    seen = shrink(restored)
    if state is None or state.image.shape != restored.shape:
        return FlickerReductionState(restored, seen)
    found = find_motion(seen, state.seen)
    past = move(state.image, scale_motion(found, *restored.shape[:2]))
    apart = _apart(past, restored)
    if (apart > _FINE * _STANDING[1]).mean() > _CUT:
        return FlickerReductionState(restored, seen)
    trust = _trust(apart, found)
    return FlickerReductionState(np.asarray(cv2.blendLinear(past, restored, trust, 1 - trust), np.uint8), seen)


def _apart(past: Picture, restored: Picture) -> Grey:
    """The mean difference around each pixel, in bins."""
    fine = cv2.cvtColor(cv2.convertScaleAbs(cv2.absdiff(past, restored), alpha=_FINE), cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.blur(fine, (_WINDOW, _WINDOW)), np.uint8)


def _trust(apart: Grey, found: MotionField) -> NDArray[np.float32]:
    """[H, W] 0 … 1: how much of the past is taken. What standing places differ by is what flickers; more than that is a change."""
    stands = cv2.resize((found == 0).all(2).astype(np.uint8), apart.shape[::-1], interpolation=cv2.INTER_NEAREST)
    flickers = cv2.mean(apart, stands)[0] / _FINE
    trust = cv2.LUT(apart, _by_difference(_MOVING, _TOLERATED / 2 * flickers))
    cv2.copyTo(cv2.LUT(apart, _by_difference(_STANDING, _TOLERATED * flickers)), stands, trust)
    return np.asarray(trust, np.float32)


def _by_difference(most: tuple[float, float], tolerance: float) -> NDArray[np.float32]:
    """[256] The share of the past by the difference, in bins: it falls to 1/e at the tolerance."""
    levels = max(min(tolerance, most[1]), 1 / _FINE)
    share = most[0] * np.exp(-((np.arange(256) / _FINE / levels) ** 2))
    return np.where(share < 0.02, 0, share).astype(np.float32)  # below that it moves no 8-bit level that anyone sees


class FlickerReducer:
    """Frames in their order, from one thread. `restart` where a segment begins: what follows then depends on nothing before."""

    def __init__(self) -> None:
        self._state: FlickerReductionState | None = None

    def __call__(self, restored: Picture) -> Picture:
        self._state = reduce_flicker(self._state, restored)
        return self._state.image

    def restart(self) -> None:
        self._state = None
