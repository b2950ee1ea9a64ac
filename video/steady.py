"""Owns steadying restored frames against flicker; knows nothing of networks or files.

A frame is blended with the steadied one before it, moved to where things are now, as far as the two agree. What is blended is the
restored picture. Blending the layer that was removed brings back the noise that the network took out, and flickers more than before
(docs/steady.md has the figures).

    steadied(n) = restored(n) + trust · (moved(steadied(n − 1)) − restored(n))
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.backend import Picture
from runtime.errors import MissingExtra
from video.motion import Field, Grey, motion, moved, scaled, small

try:
    import cv2
except ImportError as error:
    raise MissingExtra("cv2", "cpu") from error

_WINDOW = 15  # pixels over which two pictures are compared: wider than what is left of a streak, so that a streak does not save itself
_FINE = 4  # bins a grey level of difference
_CUT = 0.6  # of the picture that is trusted at all; moving scenes in rain had 0.85 and more, jumps by a second of driving below 0.5


def _trust(most: float, levels: float) -> NDArray[np.float32]:
    """[256] The share of the past by the mean difference in its surroundings, in bins. It falls to 1/e at so many grey levels."""
    share = most * np.exp(-((np.arange(256) / _FINE / levels) ** 2))
    return np.where(share < 0.02, 0, share).astype(np.float32)  # below that it moves no 8-bit level that anyone sees


# Where things move, each blend interpolates once more and softens, so the past counts less there than where they stand.
_MOVING, _STANDING = _trust(0.5, 6.0), _trust(0.8, 12.0)


@dataclass(frozen=True)
class State:
    """All that one frame leaves for the next. Nobody may write into its arrays."""

    image: Picture  # steadied
    seen: Grey  # of the frame as it was restored: what the next one's motion is measured against


def steadied(state: State | None, restored: Picture) -> State:
    """The state after this frame; its `image` is the result. The restored picture itself after None, a cut, or another size."""
    seen = small(restored)
    if state is None or state.image.shape != restored.shape:
        return State(restored, seen)
    found = motion(seen, state.seen)
    past = moved(state.image, scaled(found, *restored.shape[:2]))
    trust = _share(past, restored, found)
    if cv2.countNonZero(trust) < _CUT * trust.size:
        return State(restored, seen)
    return State(np.asarray(cv2.blendLinear(past, restored, trust, 1 - trust), np.uint8), seen)


def _share(past: Picture, restored: Picture, found: Field) -> NDArray[np.float32]:
    """[H, W] 0 … 1: how much of the past is taken."""
    apart = cv2.cvtColor(cv2.convertScaleAbs(cv2.absdiff(past, restored), alpha=_FINE), cv2.COLOR_BGR2GRAY)
    apart = cv2.blur(apart, (_WINDOW, _WINDOW))
    stands = (found == 0).all(2).astype(np.uint8)
    stands = cv2.resize(stands, (restored.shape[1], restored.shape[0]), interpolation=cv2.INTER_NEAREST)
    share = cv2.LUT(apart, _MOVING)
    cv2.copyTo(cv2.LUT(apart, _STANDING), stands, share)
    return np.asarray(share, np.float32)


class Steadier:
    """Frames in their order, from one thread. `restart` where a segment begins: what follows then depends on nothing before."""

    def __init__(self) -> None:
        self._state: State | None = None

    def __call__(self, restored: Picture) -> Picture:
        self._state = steadied(self._state, restored)
        return self._state.image

    def restart(self) -> None:
        self._state = None
