"""Sources for trying out: a file in its own time, and a pattern."""

from __future__ import annotations

import threading
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from runtime.errors import SourceError
from tests.support.video.clips import MS, STEADY, UNSTEADY, Clip, read
from tests.support.video.servers import ENDS_WITHIN
from video.live.sources.pretend import FileAsLiveSource, PatternSource
from video.live.sources.source import CapturedPicture


def test_a_file_comes_by_its_own_times(tmp_path: Path) -> None:
    clip = Clip(pts=UNSTEADY, time_base=MS).make(tmp_path / "in.mkv")
    came = list(FileAsLiveSource(clip).frames(threading.Event()))
    assert [item.time for item in came] == [pts * MS for pts in UNSTEADY]
    arrived = [item.arrived - came[0].arrived for item in came]
    assert arrived == pytest.approx([pts / 1000 for pts in UNSTEADY], abs=1e-6), "due when it is shown, however late it was decoded"
    assert all(item.decoded >= item.arrived for item in came), "never before it is due"
    assert all(np.array_equal(item.image, frame.image) for item, frame in zip(came, read(clip), strict=True))


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_text("text")
    with pytest.raises(SourceError, match=r"in\.mp4"):
        next(FileAsLiveSource(tmp_path / "in.mp4").frames(threading.Event()))


@pytest.mark.parametrize("slow", [True, False])
def test_being_stopped_ends_a_sleep(tmp_path: Path, slow: bool) -> None:
    minutes = (0, 3600_000)
    source = FileAsLiveSource(Clip(pts=minutes, time_base=MS).make(tmp_path / "in.mkv")) if slow else PatternSource(64, 64, 1)
    stopped, came = threading.Event(), threading.Event()

    def consume() -> None:
        for _ in source.frames(stopped):
            came.set()

    reader = threading.Thread(target=consume, daemon=True)
    reader.start()
    assert came.wait(ENDS_WITHIN)
    stopped.set()
    reader.join(ENDS_WITHIN)
    assert not reader.is_alive()


def test_the_pattern_moves_by_the_clock() -> None:
    frames = PatternSource(128, 48, 50).frames(threading.Event())
    came: list[CapturedPicture] = [next(frames) for _ in range(6)]
    assert [item.image.shape for item in came] == [(48, 128, 3)] * 6
    assert all(not np.array_equal(before.image, after.image) for before, after in pairwise(came))
    for item in came:
        assert item.time is not None
        assert (item.time * 50).denominator == 1
        assert item.arrived - came[0].arrived == pytest.approx(float(item.time - Fraction(came[0].time or 0)), abs=1e-6)
    assert came[0].info.average_rate == 50


def test_an_ordinary_clip_has_no_pause(tmp_path: Path) -> None:
    came = list(FileAsLiveSource(Clip(pts=STEADY[:3]).make(tmp_path / "in.mp4")).frames(threading.Event()))
    assert len(came) == 3
    assert len({id(item.info) for item in came}) == 1
