"""Recording: files of a given length, named by the time of day, never over one another, each playable from its own zero."""

from __future__ import annotations

import re
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import av
import numpy as np
import pytest

from runtime.errors import SinkError, UsageError
from runtime.restorer import Restored
from tests.support.files import full_disk, names
from tests.support.video.clips import moving, order_of, read
from video.frame import Frame
from video.live.sinks import recorder as module
from video.live.sinks.recorder import Recorder
from video.live.sinks.sink import RestoredFrame
from video.live.sources.source import TICK, make_info
from video.live.statistics import FrameStamps

FRAME = 3600  # ticks at 25 frames a second
_NAME = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d[+-]\d{4}(_\d+)?\.mp4")


def shown(index: int, pts: int | None = None, size: tuple[int, int] = (96, 64)) -> RestoredFrame:
    image = moving(index, *size)
    frame = Frame(index, 1000 + index * FRAME if pts is None else pts, TICK, np.zeros_like(image))
    return RestoredFrame(
        frame, cast("Restored", SimpleNamespace(image=image)), make_info(*size, "test", Fraction(25)), FrameStamps(0, 0, 0, 0)
    )


def test_the_restored_pictures_from_zero_with_their_times(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    for index in range(10):
        recorder.write(shown(index))
    assert all(not re.fullmatch(_NAME, name) for name in names(tmp_path)), "no final name before it is whole"
    recorder.finish()
    (path,) = recorder.files
    assert re.fullmatch(_NAME, path.name)
    frames = read(path)
    assert order_of(frames) == list(range(10))
    assert [frame.time for frame in frames] == [index * Fraction(1, 25) for index in range(10)]
    assert frames[-1].duration * frames[-1].time_base == Fraction(1, 25)


def test_files_of_a_given_length_lose_no_frame(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, Fraction(1, 120))  # half a second: 12.5 frames
    for index in range(25):
        recorder.write(shown(index))
    recorder.finish()
    assert [order_of(read(path)) for path in recorder.files] == [list(range(13)), list(range(13, 25))]
    assert len(set(recorder.files)) == 2, "both begun within one second, and neither overwritten"


def test_what_is_there_is_never_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "datetime", SimpleNamespace(now=lambda: datetime(2026, 1, 2, 3, 4, 5)))
    for _ in range(3):
        recorder = Recorder(tmp_path)
        recorder.write(shown(0))
        recorder.finish()
    assert [name[:19] for name in names(tmp_path)] == ["2026-01-02_03-04-05"] * 3
    assert len(names(tmp_path)) == 3


def test_another_size_is_another_file(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    for index in range(6):
        recorder.write(shown(index, size=(96, 64) if index < 3 else (128, 80)))
    recorder.finish()
    assert [[frame.image.shape[:2] for frame in read(path)] for path in recorder.files] == [[(64, 96)] * 3, [(80, 128)] * 3]


def test_each_file_says_what_was_done_to_all_of_it(tmp_path: Path) -> None:
    strength = 1.0
    recorder = Recorder(tmp_path, comment=lambda: f"strength {strength:g}")
    for index in range(10):
        strength = 1.0 if index < 6 else 0.5
        recorder.write(shown(index))
    recorder.finish()
    assert [order_of(read(path)) for path in recorder.files] == [list(range(6)), list(range(6, 10))]
    said = []
    for path in recorder.files:
        with av.open(str(path)) as container:
            said.append(container.metadata["comment"])
    assert said == ["strength 1", "strength 0.5"]


def test_a_source_that_is_away_leaves_a_finished_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    recorder = Recorder(tmp_path)
    recorder.idle()
    recorder.write(shown(0))
    now[0] = 9.0
    recorder.idle()
    assert recorder.files == []
    now[0] = 11.0
    recorder.idle()
    recorder.idle()
    assert len(recorder.files) == 1
    recorder.write(shown(1, pts=10**9))
    recorder.finish()
    assert [len(read(path)) for path in recorder.files] == [1, 1]


def test_nothing_came(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "new")
    recorder.finish()
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_said_at_once() -> None:
    with pytest.raises(SinkError, match=r"^/proc/f: expected a folder to write into"):
        Recorder(Path("/proc/f"))


@pytest.mark.parametrize("minutes", [0, -1])
def test_a_length_that_is_none(tmp_path: Path, minutes: int) -> None:
    with pytest.raises(UsageError, match="expected more than 0 minutes"):
        Recorder(tmp_path, Fraction(minutes))


def test_a_full_disk_keeps_the_files_before(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, Fraction(1, 120))
    for index in range(13):
        recorder.write(shown(index))
    recorder.write(shown(13))
    (kept,) = recorder.files
    with full_disk(0), pytest.raises(SinkError, match=r"can be written.*free space"):
        recorder.finish()
    assert names(tmp_path) == [kept.name]
    assert len(read(kept)) == 13
