"""The views of a frame: of one moment, of one size, small enough for a screen and even enough for an encoder."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.picture import Picture
from runtime.restorer import Restored
from tests.support.video.serving import picture
from video.page.views import WIDEST, View, drawn


def restored(source: Picture, image: Picture) -> Restored:
    return Restored(image, source, None, np.zeros(3, np.float32))


def test_before_is_above_after() -> None:
    pair = drawn(restored(picture(10), picture(20)), View.COMPARE)
    assert pair.shape == (128, 96, 3)
    assert (pair[:64] == 10).all()
    assert (pair[64:] == 20).all()


def test_removed_is_what_every_other_sink_calls_so() -> None:
    rng = np.random.default_rng(1)
    both = [rng.integers(0, 256, (64, 96, 3), np.uint8) for _ in range(2)]
    one = restored(*both)
    assert np.array_equal(drawn(one, View.REMOVED), one.removed)


def test_an_enlarged_picture_has_its_source_beside_it_in_its_size() -> None:
    one = restored(picture(10), picture(20, (192, 128)))
    assert one.before.shape == (128, 192, 3)
    pair = drawn(one, View.COMPARE)
    assert (pair.shape, int(pair[0, 0, 0]), int(pair[-1, 0, 0])) == ((256, 192, 3), 10, 20)


@pytest.mark.parametrize(
    ("size", "shown"), [((1920, 1080), (1280, 720)), ((1281, 721), (1280, 720)), ((1280, 720), (1280, 720)), ((97, 65), (96, 64))]
)
def test_sizes(size: tuple[int, int], shown: tuple[int, int]) -> None:
    one = restored(picture(10, size), picture(20, size))
    assert drawn(one, View.REMOVED).shape[1::-1] == shown
    assert drawn(one, View.COMPARE).shape[1::-1] == (shown[0], 2 * shown[1])
    assert shown[0] <= WIDEST
