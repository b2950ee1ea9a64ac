"""The clock of a live source: whatever its own times do, ours rise, and are those of arrival where its own cannot be right."""

from __future__ import annotations

from fractions import Fraction

import pytest

from runtime.errors import SourceError, UsageError
from tests.support.video.clips import Clip
from video.live.sources.camera import CameraSource
from video.live.sources.pretend import FileAsLiveSource, PatternSource
from video.live.sources.source import TICK, LiveClock, make_info
from video.live.sources.stream import StreamSource
from video.live.sources.which import make_live_source

FRAME = 3600  # ticks at 25 frames a second


def seconds(ticks: int) -> Fraction:
    return ticks * TICK


def test_own_times_are_kept_to_the_tick_whatever_the_arrival() -> None:
    clock = LiveClock()
    jittered = [0.0, 0.09, 0.1, 0.11, 0.2]
    assert [clock(seconds(77 + index * FRAME), at) for index, at in enumerate(jittered)] == [index * FRAME for index in range(5)]
    assert clock.retimed == 0


@pytest.mark.parametrize("jump", [-10 * FRAME, -(2**33), 26 * 3600 * 90000, -FRAME])
def test_a_jump_counts_as_the_time_that_passed(jump: int) -> None:
    clock = LiveClock()
    own = [0, FRAME, 2 * FRAME + jump, 3 * FRAME + jump, 4 * FRAME + jump]
    given = [clock(seconds(ticks), index * 0.04) for index, ticks in enumerate(own)]
    assert given == [0, FRAME, 2 * FRAME, 3 * FRAME, 4 * FRAME]
    assert clock.retimed == 1


def test_missing_times_are_those_of_arrival() -> None:
    clock = LiveClock()
    assert [clock(None, at) for at in (5.0, 5.04, 5.04, 6.0)] == [0, FRAME, FRAME + 1, FRAME + 1 + 86400]
    assert clock.retimed == 3


def test_a_pause_of_the_network_does_not_move_the_times() -> None:
    clock = LiveClock()
    times = [clock(seconds(index * FRAME), 0.0 if index < 2 else 3.0) for index in range(4)]
    assert times == [0, FRAME, 2 * FRAME, 3 * FRAME]


def test_a_new_connection_goes_on_where_the_last_one_was() -> None:
    clock = LiveClock()
    clock(seconds(100 * FRAME), 0.0)
    clock.restart()
    assert clock(seconds(0), 2.0) == 180000, "two seconds later, though its own times begin anew"
    assert clock(seconds(FRAME), 2.04) == 180000 + FRAME
    assert clock.retimed == 0


def test_pictures_without_a_file_have_colours_by_the_rule() -> None:
    assert make_info(1280, 720, "camera", None).color.matrix.name == "BT709"
    assert make_info(640, 480, "camera", None).color.matrix.name == "SMPTE170M"
    assert make_info(720, 576, "camera", None).color.primaries.name == "BT470BG"


def test_sources_by_name(tmp_path_factory: pytest.TempPathFactory) -> None:
    clip = Clip().make(tmp_path_factory.mktemp("clip") / "in.mp4")
    names = {
        "rtsp://h/1": StreamSource,
        "0": CameraSource,
        "/dev/video1": CameraSource,
        "pattern": PatternSource,
        str(clip): FileAsLiveSource,
    }
    assert {name: type(make_live_source(name)) for name in names} == names
    assert make_live_source("pattern:320x200@10").name == "pattern:320x200@10"


@pytest.mark.parametrize("name", ["nothing.mp4", "pattern:8x8@25", "pattern:64x64@0", "pattern:64x64", ""])
def test_no_source(name: str) -> None:
    with pytest.raises(UsageError, match=r"expected a live source \(rtsp://"):
        make_live_source(name)


def test_a_protocol_that_is_not_read() -> None:
    with pytest.raises(SourceError, match=r"^gopher://host/x: expected an address that begins with rtsp://"):
        make_live_source("gopher://host/x")


def test_a_screen_wants_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(SourceError, match="DISPLAY is not set"):
        make_live_source("screen")
