"""The views of a frame: of one moment, of one size, small enough for a screen and even enough for an encoder."""

from __future__ import annotations

from urllib.request import urlopen

import numpy as np
import pytest

from runtime.picture import Picture
from runtime.restorer import Restored
from tests.support.video.servers import ENDS_WITHIN
from tests.support.video.serving import ask, page, picture
from video.page.views import VIEWS, WIDEST, View, table


def darkest(before: Picture, after: Picture) -> Picture:
    return np.minimum(before, after)


DARKEST = View("darkest", "Darkest of both", darkest, is_pair=False)


def restored(source: Picture, image: Picture) -> Restored:
    return Restored(image, source, None, np.zeros(3, np.float32))


def test_before_is_above_after() -> None:
    pair = VIEWS["compare"](restored(picture(10), picture(20)))
    assert pair.shape == (128, 96, 3)
    assert (pair[:64] == 10).all()
    assert (pair[64:] == 20).all()


def test_removed_is_what_every_other_sink_calls_so() -> None:
    rng = np.random.default_rng(1)
    both = [rng.integers(0, 256, (64, 96, 3), np.uint8) for _ in range(2)]
    one = restored(*both)
    assert np.array_equal(VIEWS["removed"](one), one.removed)


def test_an_enlarged_picture_has_its_source_beside_it_in_its_size() -> None:
    one = restored(picture(10), picture(20, (192, 128)))
    assert one.before.shape == (128, 192, 3)
    pair = VIEWS["compare"](one)
    assert (pair.shape, int(pair[0, 0, 0]), int(pair[-1, 0, 0])) == ((256, 192, 3), 10, 20)


@pytest.mark.parametrize(
    ("size", "shown"), [((1920, 1080), (1280, 720)), ((1281, 721), (1280, 720)), ((1280, 720), (1280, 720)), ((97, 65), (96, 64))]
)
def test_sizes(size: tuple[int, int], shown: tuple[int, int]) -> None:
    one = restored(picture(10, size), picture(20, size))
    assert VIEWS["removed"](one).shape[1::-1] == shown
    assert VIEWS["compare"](one).shape[1::-1] == (shown[0], 2 * shown[1])
    assert shown[0] <= WIDEST


@pytest.mark.network
def test_a_view_that_is_added_is_listed_and_served() -> None:
    """CONTRIBUTING, "Add a page view": one function and one line of the table."""
    with page(views=table(*VIEWS.values(), DARKEST)) as served:
        listed = ask(f"{served.url}cameras")[1]["cameras"][0]["views"]
        assert listed[-1] == {"name": "darkest", "title": "Darkest of both", "is_pair": False}
        assert set(served.camera.sink.jpeg) == set(served.camera.sink.h264) == {"compare", "removed", "darkest"}
        with urlopen(f"{served.path}/darkest.mjpeg", timeout=ENDS_WITHIN) as stream:
            assert stream.readline() == b"--frame\r\n"


@pytest.mark.parametrize(("name", "title"), [("", "A"), ("a b", "A"), ("A", "A"), ("../a", "A"), ("a", "")])
def test_a_view_without_a_name_for_addresses_or_a_title_is_an_error(name: str, title: str) -> None:
    with pytest.raises(ValueError, match=r"expected a name of a-z, 0-9 and -, and a title"):
        View(name, title, darkest, is_pair=False)


def test_two_views_of_one_name_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"^page views: expected each name once, got darkest, darkest$"):
        table(DARKEST, DARKEST)


def test_an_unknown_view_is_an_error() -> None:
    with page() as served:
        assert ask(f"{served.path}/sideways.mjpeg")[0] == 404
        assert ask(f"{served.path}/sideways/offer", "POST", {"sdp": ""})[0] == 404
