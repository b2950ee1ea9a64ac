"""Deinterlacing: a frame for a frame at the same times, whole pictures of one moment, and nothing done to what is whole already."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from runtime.errors import SourceError
from tests.support.video.clips import MS, UNSTEADY, Clip
from video.files.deinterlace import Deinterlacer
from video.files.reading import ReadOptions
from video.files.sources.file import open_video

INTERLACED = {"flags": "+ildct+ilme", "preset": "superfast", "qp": "4"}
WHOLE = ReadOptions(deinterlace=True)


def comb(picture: np.ndarray) -> float:
    """How much each line differs from the mean of its neighbours, where `moving` has a flat edge that brightens by the frame."""
    lines = picture[4:-4, 2:12].astype(float).mean((1, 2))
    return float(np.abs(lines[1:-1] - (lines[:-2] + lines[2:]) / 2).mean())


@pytest.mark.parametrize("count", [2, len(UNSTEADY)])
def test_frames_are_whole_and_keep_their_times(tmp_path: Path, count: int) -> None:
    clip = Clip(pts=UNSTEADY[:count], time_base=MS, options=INTERLACED | {"bf": "2"}, interlaced=True)
    path = clip.make(tmp_path / "in.mp4")
    with open_video(path) as stored, open_video(path, WHOLE) as source:
        before, after = list(stored), list(source)
        assert (stored.info.interlaced, source.info.interlaced) == (True, False)
        assert stored.info.color == source.info.color
        assert source.info.color_assumed == stored.info.color_assumed
    assert source.deinterlaced == len(before)
    assert [(frame.pts, frame.duration) for frame in after] == [(frame.pts, frame.duration) for frame in before]
    assert comb(before[0].image) > 6, "the test clip itself is not combed"
    assert max(comb(frame.image) for frame in after[1:-1] or after) < 1


def test_whole_frames_pass_as_they_are(tmp_path: Path) -> None:
    path = Clip().make(tmp_path / "in.mp4")
    with open_video(path) as stored, open_video(path, WHOLE) as source:
        for before, after in zip(stored, source, strict=True):
            assert before.pts == after.pts
            assert np.array_equal(before.image, after.image)
    assert source.deinterlaced == 0


def test_a_size_that_changes_is_for_the_source_to_judge() -> None:
    frames = [av.VideoFrame(width, 32, "yuv420p") for width in (48, 48, 64)]
    for pts, frame in enumerate(frames):
        frame.pts, frame.time_base = pts, MS
    assert [(frame.width, frame.pts) for frame in Deinterlacer(Path("in.mp4"))(iter(frames))] == [(48, 0), (48, 1), (64, 2)]


def test_too_small_for_lines() -> None:
    frame = av.VideoFrame(32, 2, "yuv420p")
    frame.pts, frame.time_base = 0, MS
    with pytest.raises(SourceError, match=r"^in\.mp4: expected at least 4×4 pixels, got 32×2"):
        list(Deinterlacer(Path("in.mp4"))(iter([frame])))
