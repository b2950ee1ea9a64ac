"""Shapes, bytes, padding and the growing of memory: plain arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.backends.tensorrt.plan import as_tensor, bytes_of, planned, put_padded, shapes_of, size_of
from runtime.engines.record import Profile, Size
from runtime.errors import BackendError

PROFILE = Profile("720p", Size(1, 360, 640), Size(1, 720, 1280), Size(4, 720, 1280))


def test_the_tensors_of_a_size() -> None:
    shapes = shapes_of(("restored", "health", "interference"), Size(2, 20, 30), 2)
    assert shapes == {"frame": (2, 20, 30, 3), "restored": (2, 40, 60, 3), "health": (2, 3), "interference": (2, 40, 60, 3)}
    assert bytes_of(shapes) == {"frame": 3600, "restored": 14400, "health": 24, "interference": 14400}


def test_a_tensor_is_the_beginning_of_its_memory() -> None:
    memory = np.arange(100, dtype=np.uint8)
    assert as_tensor("restored", memory, (2, 4, 3)).tolist() == memory[:24].reshape(2, 4, 3).tolist()
    health = as_tensor("health", memory, (2, 3))
    health[1, 2] = 1.5
    assert (str(health.dtype), memory[20:24].view(np.float32).item()) == ("float32", 1.5)


@pytest.mark.parametrize(
    ("held", "needs", "then"),
    [
        (0, [1000], 1000),
        (1000, [1000], 1000),
        (1000, [400, 900], 1000),  # it suffices
        (1000, [400, 1200], 1200),
        (1000, [500], 1000),
        (1000, [499], 499),  # more than twice what is needed goes back
        (0, [0], 256),  # an address there must be
        (0, [], 256),
    ],
)
def test_memory_grows_with_the_largest_in_use_and_shrinks_long_after(held: int, needs: list[int], then: int) -> None:
    assert planned(held, needs) == then


@pytest.mark.parametrize(
    ("asked", "computed"),
    [
        (Size(1, 720, 1280), Size(1, 720, 1280)),
        (Size(3, 400, 700), Size(3, 400, 700)),
        (Size(1, 16, 1280), Size(1, 360, 1280)),
        (Size(4, 100, 200), Size(4, 360, 640)),
        (Size(5, 100, 200), None),
        (Size(1, 721, 1280), None),
    ],
)
def test_a_profile_holds_a_smaller_picture(asked: Size, computed: Size | None) -> None:
    assert PROFILE.padded(asked) == computed


@pytest.mark.parametrize("side", [16, 20, 33])
def test_the_margin_is_the_picture_mirrored_as_often_as_it_takes(side: int) -> None:
    """As numpy's own padding has it, where one mirror does and where it does not."""
    frames = np.random.default_rng(0).integers(0, 256, (2, side, side + 3, 3), np.uint8)
    into = np.zeros((2, 100, 70, 3), np.uint8)
    put_padded(frames, into)
    assert np.array_equal(into, np.pad(frames, ((0, 0), (0, 100 - side), (0, 70 - side - 3), (0, 0)), mode="reflect"))


@pytest.mark.parametrize(
    ("frames", "got"),
    [
        (np.zeros((16, 16, 3), np.uint8), r"got uint8 \[16, 16, 3\]"),
        (np.zeros((1, 16, 16, 4), np.uint8), r"got uint8 \[1, 16, 16, 4\]"),
        (np.zeros((1, 16, 15, 3), np.uint8), r"got uint8 \[1, 16, 15, 3\]"),
        (np.zeros((0, 16, 16, 3), np.uint8), r"got uint8 \[0, 16, 16, 3\]"),
        (np.zeros((1, 16, 16, 3), np.float32), r"got float32 \[1, 16, 16, 3\]"),
    ],
)
def test_frames_of_another_layout(frames: np.ndarray, got: str) -> None:
    with pytest.raises(BackendError, match=got):
        size_of(frames)
