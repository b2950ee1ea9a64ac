"""From a picture to a restored one: any size, any layout in memory, and one line where it is no picture."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from runtime.backends.protocol import MODES
from runtime.bicubic import enlarged
from runtime.errors import BackendError, BundleError, PictureError, UsageError
from runtime.model.bundle import open_bundle
from runtime.picture import Picture
from runtime.restorer import Restored, Restorer, load
from tests.support.engines import ENGINES
from tests.support.tiny import make_bundle


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundles") / "tiny", "brighten")


@pytest.fixture
def restorer(folder: Path) -> Iterator[Restorer]:
    with load(folder, "onnxruntime") as opened:
        yield opened


def picture(height: int = 24, width: int = 32) -> Picture:
    return np.random.default_rng(0).integers(0, 246, (height, width, 3), np.uint8)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 99), (128, 16), (33, 47)])
def test_any_size(restorer: Restorer, height: int, width: int) -> None:
    source = picture(height, width)
    restored = restorer(source)
    assert np.array_equal(restored.image, source + 10)
    assert restored.source is source
    assert restored.interference is None
    assert restored.health == pytest.approx((source + 10.0).mean((0, 1)) / 256, rel=1e-4), "the graph contract's unit"
    assert np.array_equal(restored.removed, np.full_like(source, 123))  # 128 + (−10)/2


def test_any_layout_in_memory(restorer: Restorer) -> None:
    wide = picture(48, 64)
    wide.flags.writeable = False
    for view in (wide, wide[::2, ::-1], wide[:, :, ::-1], np.asfortranarray(wide), wide.transpose(1, 0, 2)):
        assert np.array_equal(restorer(view).image, view + 10)


@pytest.mark.parametrize(
    ("wrong", "got"),
    [
        (np.zeros((24, 32, 3), np.float32), "got float32 [24, 32, 3]"),
        (np.zeros((24, 32), np.uint8), "got uint8 [24, 32]"),
        (np.zeros((1, 24, 32, 3), np.uint8), "got uint8 [1, 24, 32, 3]"),
        (np.zeros((3, 24, 32), np.uint8), "got uint8 [3, 24, 32]"),
        (np.zeros((24, 32, 4), np.uint8), "got uint8 [24, 32, 4]"),
        (np.zeros((15, 32, 3), np.uint8), "got uint8 [15, 32, 3]"),
        (np.zeros((0, 32, 3), np.uint8), "got uint8 [0, 32, 3]"),
        (None, "got NoneType"),  # what cv2.imread returns for a missing file
        ([[0]], "got list"),
    ],
)
def test_what_is_no_picture_is_said(restorer: Restorer, wrong: Picture, got: str) -> None:
    with pytest.raises(PictureError) as error:
        restorer(wrong)
    assert str(error.value).startswith("expected a uint8 array [height, width, 3] in BGR")
    assert got in str(error.value)
    assert "\n" not in str(error.value)


def test_it_says_what_it_is_and_how_long_it_took(restorer: Restorer, folder: Path) -> None:
    restorer(picture())
    restorer(picture())
    assert restorer.manifest == open_bundle(folder).manifest
    assert restorer.facts is restorer.choice.backend.facts
    assert restorer.facts.name == "onnxruntime"
    assert restorer.times.as_dict()["model"]["count"] == 2


def test_statistics_have_the_clocks_of_the_engine_too(restorer: Restorer) -> None:
    restorer(picture())
    said = restorer.statistics()
    assert said.keys() == {"backend", "stages", "guard"}
    assert list(said["stages"]) == ["model", "guard"]
    assert said["backend"]["name"] == "onnxruntime"
    assert said["guard"]["pictures"] == 1
    restorer.choice.backend.times.add("upload", 0.001)  # as an engine does that moves the bytes by itself
    said = restorer.statistics()
    assert list(said["stages"]) == ["model", "guard", "upload"]
    assert json.loads(json.dumps(said)) == said


def test_use_after_close(restorer: Restorer) -> None:
    restorer.close()
    restorer.close()
    with pytest.raises(BackendError, match="tiny was closed"):
        restorer(picture())


def test_what_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no model is called"):
        load("no-such-model")
    with pytest.raises(BundleError, match="expected a bundle"):
        load(tmp_path)


def _restored(image: Picture, source: Picture) -> Restored:
    return Restored(image, source, None, np.zeros(3, np.float32))


def test_removed_codes_every_difference() -> None:
    source = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(16, 16, 3)
    for level in (0, 100, 255):
        image = np.full_like(source, level)
        exact = 128 + (source.astype(float) - level) / 2
        removed = _restored(image, source).removed
        assert removed.dtype == np.uint8
        assert np.abs(removed - exact.clip(0, 255)).max() <= 0.5


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_removed_compares_with_the_enlarged_source(scale: int) -> None:
    source = picture(20, 30) // 4 + 90  # so that what rings stays within bytes
    large = enlarged(source, scale)
    same = _restored(np.rint(large).clip(0, 255).astype(np.uint8), source)
    assert np.abs(same.removed.astype(int) - 128).max() <= 1
    assert np.array_equal(same.before, same.image)
    black = np.zeros(large.shape, np.uint8)
    assert np.abs(_restored(black, source).removed - (128 + large / 2).clip(0, 255)).max() <= 0.5


def test_nan_is_an_error_and_never_a_white_picture(tmp_path: Path) -> None:
    with load(make_bundle(tmp_path / "nan", "nan")) as restorer, pytest.raises(BackendError, match="NaN or Inf"):
        restorer(np.zeros((20, 24, 3), np.uint8))


@pytest.fixture(params=ENGINES)
def separating(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Restorer]:
    with load(make_bundle(tmp_path / "separating", "separate"), request.param, interference=True) as opened:
        yield opened


def test_the_interference_comes_when_it_is_asked_for(separating: Restorer, tmp_path: Path) -> None:
    restored = separating(picture())
    assert restored.interference is not None
    assert np.array_equal(restored.interference, 255 - restored.image)
    with load(tmp_path / "separating", separating.facts.name) as alone:
        assert alone(picture()).interference is None
        assert np.array_equal(alone(picture()).image, restored.image)


def test_what_separates_nothing_says_so_when_it_is_loaded(folder: Path) -> None:
    with pytest.raises(UsageError, match="tiny does not separate the interference; `removed` of a result"):
        load(folder, interference=True)


@pytest.mark.parametrize("name", ENGINES)
def test_an_enlarging_network(tmp_path: Path, name: str) -> None:
    with load(make_bundle(tmp_path / "twice", "enlarge"), name) as restorer:
        source = picture(24, 32)
        assert np.array_equal(restorer(source).image, source.repeat(2, 0).repeat(2, 1))
        assert restorer.batch([source, source])[1].image.shape == (48, 64, 3)


@pytest.mark.parametrize("name", ENGINES)
def test_an_array_of_the_callers(folder: Path, name: str) -> None:
    with load(folder, name) as restorer:
        mine = np.zeros((24, 32, 3), np.uint8)
        assert restorer(picture(), into=mine).image.ctypes.data == mine.ctypes.data
        assert np.array_equal(mine, picture() + 10)
        restorer(picture() // 2)  # nor does a later run write to it
        assert np.array_equal(mine, picture() + 10)


@pytest.mark.parametrize(
    ("wrong", "got"),
    [
        (np.zeros((24, 31, 3), np.uint8), "got uint8 [24, 31, 3]"),
        (np.zeros((24, 32, 3), np.float32), "got float32 [24, 32, 3]"),
        (np.zeros((24, 64, 3), np.uint8)[:, ::2], "got uint8 [24, 32, 3], strided or read-only"),
        (np.broadcast_to(np.uint8(0), (24, 32, 3)), "got uint8 [24, 32, 3], strided or read-only"),
        ([0], "got list"),
    ],
)
def test_an_array_that_cannot_be_written_to(restorer: Restorer, wrong: Picture, got: str) -> None:
    with pytest.raises(PictureError, match="a contiguous, writeable uint8 array") as error:
        restorer(picture(), into=wrong)
    assert got in str(error.value)
    assert np.array_equal(restorer(picture()).image, picture() + 10)


def test_a_picture_is_not_written_over_itself(restorer: Restorer) -> None:
    source = picture()
    with pytest.raises(PictureError, match="got the picture's own memory"):
        restorer(source, into=source)
    assert np.array_equal(source, picture())


def test_a_batch_is_each_of_its_pictures(restorer: Restorer) -> None:
    pictures = [picture(), picture()[::-1], picture() // 3]
    for source, restored in zip(pictures, restorer.batch(pictures), strict=True):
        assert np.array_equal(restored.image, source + 10)
        assert restored.source is source
        assert restored.health == pytest.approx((source + 10.0).mean((0, 1)) / 256, rel=1e-4)


def test_a_batch_that_is_none(restorer: Restorer) -> None:
    with pytest.raises(PictureError, match="expected at least one picture"):
        restorer.batch([])
    with pytest.raises(PictureError, match="expected pictures of one size in a batch, got 32×24, 33×24"):
        restorer.batch([picture(), picture(24, 33)])
    with pytest.raises(PictureError, match="float32"):
        restorer.batch([picture(), np.zeros((24, 32, 3), np.float32)])


@pytest.mark.parametrize("name", ENGINES)
def test_a_stream_keeps_the_order(folder: Path, name: str) -> None:
    pictures = [picture(24 + number % 3, 32) // 8 + number for number in range(40)]
    with load(folder, name) as restorer:
        for source, restored in zip(pictures, restorer.stream(iter(pictures)), strict=True):
            assert restored.source is source
            assert np.array_equal(restored.image, source + 10)


def test_a_stream_takes_a_few_pictures_ahead_and_no_more(restorer: Restorer) -> None:
    taken = 0

    def pictures() -> Iterator[Picture]:
        nonlocal taken
        for _ in range(100):
            taken += 1
            yield picture()

    stream = restorer.stream(pictures())
    for number, _ in enumerate(stream, start=1):
        assert number < taken <= number + restorer.choice.backend.depth
        if number == 5:
            break
    stream.close()  # type: ignore[attr-defined]  # it is a generator
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("clearway-restore")]


def test_a_stream_ends_with_the_error_of_its_picture(restorer: Restorer) -> None:
    stream = restorer.stream([picture(), picture(), np.zeros((24, 32, 3), np.float32), picture()])
    assert [np.array_equal(restored.image, picture() + 10) for restored in itertools.islice(stream, 2)] == [True, True]
    with pytest.raises(PictureError, match="float32"):
        next(stream)
    assert np.array_equal(restorer(picture()).image, picture() + 10)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("mode", MODES)
def test_either_mode_and_exact(folder: Path, name: str, mode: str) -> None:
    with load(folder, name, mode=mode, exact=True) as restorer:
        assert restorer.facts.precision == "fp32"
        assert [restored.image.mean() for restored in restorer.stream([picture()] * 6)] == [(picture() + 10).mean()] * 6


@pytest.mark.parametrize("name", ENGINES)
def test_the_memory_of_results_is_used_again(folder: Path, name: str) -> None:
    with load(folder, name) as restorer:
        places = {restorer(picture()).image.ctypes.data for _ in range(20)}
        assert len(places) <= 3  # an engine may still hold on to the one before
        kept = [restorer(picture() // (number + 1)) for number in range(5)]
        for number, restored in enumerate(kept):
            assert np.array_equal(restored.image, picture() // (number + 1) + 10)
