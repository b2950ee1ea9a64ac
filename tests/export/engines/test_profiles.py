"""Buckets and exact sizes: what an engine is asked to hold."""

from __future__ import annotations

import pytest

from export.engines.profiles import BUCKETS, engines_for, fixed_shape
from runtime.engines.record import Profile, Size
from runtime.errors import UsageError
from runtime.model.manifest import MINIMUM_SIDE


def _only(buckets: list[str], sizes: list[str], batch: str | None) -> Profile:
    ((profile,),) = engines_for(buckets, sizes, batch)
    return profile


def test_a_bucket_goes_from_half_of_its_frame_to_that_frame_and_is_tuned_for_it() -> None:
    assert _only(["1080p"], [], None) == Profile("1080p", Size(1, 540, 960), Size(1, 1080, 1920), Size(4, 1080, 1920))


@pytest.mark.parametrize("name", BUCKETS)
def test_every_bucket_is_a_profile_that_a_builder_takes(name: str) -> None:
    profile = _only([name], [], "2-3")
    assert all(a <= b <= c for a, b, c in zip(profile.least, profile.usual, profile.most, strict=True))
    assert min(profile.least[1:]) >= MINIMUM_SIDE
    assert (profile.least.batch, profile.most.batch) == (2, 3)
    assert (profile.most.height > profile.most.width) is name.endswith("-portrait")


@pytest.mark.parametrize("name", [name for name in BUCKETS if not name.endswith("-portrait")])
def test_every_bucket_has_its_portrait(name: str) -> None:
    assert BUCKETS[f"{name}-portrait"] == BUCKETS[name][::-1]


@pytest.mark.parametrize(("bucket", "size"), [("1080p", (800, 1920)), ("1080p", (1080, 1440)), ("720p", (576, 720)), ("480p", (480, 848))])
def test_other_shapes_of_the_same_video_fall_into_its_bucket(bucket: str, size: tuple[int, int]) -> None:
    profile = _only([bucket], [], None)
    assert all(least <= side <= most for least, side, most in zip(profile.least[1:], size, profile.most[1:], strict=True))


def test_buckets_make_one_engine_and_exact_sizes_one_each() -> None:
    first, *exact = engines_for(["360p", "720p-portrait", "360p"], ["640x480", "1280×720", "640x480"], None)
    assert [profile.name for profile in first] == ["360p", "720p-portrait"]
    assert [[profile.name for profile in engine] for engine in exact] == [["640x480"], ["1280x720"]]


def test_an_exact_size_is_one_picture_of_just_that_size() -> None:
    profile = _only([], ["1280x720"], None)
    assert profile.least == profile.usual == profile.most == Size(1, 720, 1280)


def test_720p_is_taken_where_nothing_is_named() -> None:
    assert engines_for([], [], None) == engines_for(["720p"], [], None)


@pytest.mark.parametrize(
    ("buckets", "sizes", "batch", "shape"),
    [
        ([], ["1280x720"], None, (1, 720, 1280, 3)),
        ([], ["1280x720"], "1-4", (-1, 720, 1280, 3)),
        (["720p"], [], "2", (2, -1, -1, 3)),
        (["720p", "1080p"], [], None, (-1, -1, -1, 3)),
    ],
)
def test_only_what_may_change_is_left_open(buckets: list[str], sizes: list[str], batch: str | None, shape: tuple[int, ...]) -> None:
    (profiles,) = engines_for(buckets, sizes, batch)
    assert fixed_shape(profiles) == shape


def test_profiles_of_different_sizes_leave_the_sides_open() -> None:
    square, wide = (Profile(name, size, size, size) for name, size in (("a", Size(1, 64, 64)), ("b", Size(1, 64, 96))))
    assert fixed_shape([square, wide]) == (1, 64, -1, 3)


def test_a_profile_in_words() -> None:
    assert str(_only(["720p"], [], None)) == "720p: 640×360 to 1280×720, batch 1 to 4"
    assert str(_only([], ["1280x720"], "2")) == "1280×720, batch 2"


@pytest.mark.parametrize(
    ("buckets", "sizes", "batch", "message"),
    [
        (["1080"], [], None, "no profile is called '1080'; did you mean 1080p"),
        (["huge"], [], None, "there are: 360p, .*4k-portrait; any other size: --size"),
        ([], ["1280"], None, "--size: expected WIDTHxHEIGHT, for example 1280x720, got '1280'"),
        ([], ["1280x-1"], None, "expected WIDTHxHEIGHT"),
        ([], ["15x720"], None, "at least 16 pixels, got 15x720"),
        ([], ["720x15"], None, "at least 16 pixels, got 720x15"),
        ([], [], "0", "--batch: expected a number of frames or a range, for example 1 or 1-4, got '0'"),
        ([], [], "4-1", "got '4-1'"),
        ([], [], "1-", "got '1-'"),
        ([], [], "many", "got 'many'"),
    ],
)
def test_what_no_engine_can_hold_is_wrong_use(buckets: list[str], sizes: list[str], batch: str | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        engines_for(buckets, sizes, batch)
