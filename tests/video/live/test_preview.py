from __future__ import annotations

import numpy as np
import pytest

from runtime.errors import PictureError
from video.live.preview import wipe

BEFORE = np.full((72, 128, 3), 40, np.uint8)
AFTER = np.full((72, 128, 3), 200, np.uint8)


def test_left_is_before_and_right_is_after() -> None:
    picture = wipe(BEFORE, AFTER, 0.25)
    assert (picture[60, :30] == 40).all()
    assert (picture[60, 34:] == 200).all()
    assert (picture[:, 32] == 255).all(), "the line"


def test_the_ends_are_whole_pictures_with_their_label() -> None:
    for position, whole, other in ((0.0, AFTER, BEFORE), (1.0, BEFORE, AFTER), (-3.0, AFTER, BEFORE)):
        picture = wipe(BEFORE, AFTER, position)
        changed = (picture != whole).any(-1)
        assert changed.any(), "a label"
        assert changed.mean() < 0.2
        assert not (picture == other[0, 0, 0]).all(-1)[40:].any()


def test_the_pictures_themselves_stay_as_they_are() -> None:
    before, after = BEFORE.copy(), AFTER.copy()
    wipe(before, after, 0.5)
    assert (before == BEFORE).all()
    assert (after == AFTER).all()


def test_two_sizes_are_refused() -> None:
    with pytest.raises(PictureError, match="one size"):
        wipe(BEFORE, AFTER[:-1], 0.5)
