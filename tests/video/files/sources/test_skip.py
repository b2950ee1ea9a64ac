"""Passing over what is done: the frames that follow are to the bit those of a reading from the start, from wherever they are decoded."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from runtime.errors import SourceError
from tests.support.video.clips import MS, Clip, read
from video.files.reading import ReadOptions
from video.files.sources.file import open_video
from video.files.sources.keyframe import keyframe_before
from video.frame import Frame

PTS = tuple(range(0, 60 * 512, 512))
X264 = {"preset": "superfast", "qp": "12", "g": "10"}
X265 = "log-level=none:keyint=10:min-keyint=10:bframes=3"
OFTEN = Clip(pts=PTS, options=X264 | {"bf": "2"})
AT = 37


def after(path: Path, options: ReadOptions | None = None, at: int = AT) -> tuple[list[Frame], list[Frame]]:
    """The frames from that one on, and the same read after skipping."""
    with open_video(path, options) as video:
        whole = list(video)
    with open_video(path, options) as video:
        for _ in video.skip([frame.time for frame in whole[:at]]):
            pass
        return whole[at:], list(video)


def decoding_begins(path: Path, at: int = AT) -> int | None:
    """The frame from which on frames are decoded that come after `at` others."""
    frames = read(path)
    found = keyframe_before(path, 0, [frame.time for frame in frames[:at]])
    return None if found is None else found.index


def same(ours: list[Frame], theirs: list[Frame]) -> bool:
    return [(f.index, f.pts, f.duration) for f in ours] == [(f.index, f.pts, f.duration) for f in theirs] and all(
        np.array_equal(a.image, b.image) for a, b in zip(ours, theirs, strict=True)
    )


@pytest.mark.parametrize(
    ("clip", "suffix", "begins"),
    [
        (OFTEN, ".mp4", 30),
        (OFTEN, ".mkv", 30),
        (replace(OFTEN, options=X264 | {"bf": "2", "open-gop": "1", "x264-params": "open-gop=1"}), ".mkv", 30),
        (replace(OFTEN, codec="libx265", options={"x265-params": f"{X265}:open-gop=1"}), ".mp4", 30),
        (replace(OFTEN, codec="mpeg2video", options={"g": "10", "bf": "2"}, time_base=Fraction(1, 25), pts=range(60)), ".mkv", 30),
        (replace(OFTEN, codec="ffv1", options={}), ".mkv", 36),
        (replace(OFTEN, pts=[*range(0, 40 * 40, 40), *range(1650, 3000, 90)], time_base=MS), ".mp4", 30),
        (replace(OFTEN, pts=[4096 + pts for pts in PTS]), ".mp4", 30),
        (replace(OFTEN, pts=[p * 3600 for p in range(60)], time_base=Fraction(1, 90000)), ".ts", 30),
        (replace(OFTEN, options=X264 | {"bf": "2", "g": "250"}), ".mp4", 0),
    ],
    ids=["mp4", "matroska", "open groups", "h265, open groups", "mpeg-2", "intra", "variable", "starts late", "ts", "one keyframe"],
)
def test_from_the_keyframe_before(tmp_path: Path, clip: Clip, suffix: str, begins: int) -> None:
    source = clip.make(tmp_path / f"in{suffix}")
    assert decoding_begins(source) == begins
    assert same(*after(source))


def test_every_frame_can_be_the_first(tmp_path: Path) -> None:
    source = OFTEN.make(tmp_path / "in.mp4")
    for at in (1, 9, 10, 11, 12, 58, 59):
        assert same(*after(source, at=at))


def test_a_keyframe_that_is_none_is_not_trusted(tmp_path: Path) -> None:
    """Cameras that refresh the picture column by column call the beginning of each round a keyframe."""
    source = replace(OFTEN, options=X264 | {"x264-params": "intra-refresh=1", "bf": "0"}).make(tmp_path / "in.ts")
    assert decoding_begins(source) in (None, 0)
    assert same(*after(source))


def test_times_that_are_made_up_are_not_trusted(tmp_path: Path) -> None:
    source = replace(OFTEN, pts=range(60), time_base=Fraction(1, 25)).make(tmp_path / "in.avi")
    assert same(*after(source))


def test_times_that_do_not_agree_are_not_trusted(tmp_path: Path) -> None:
    source = OFTEN.make(tmp_path / "in.mp4")
    times = [frame.time for frame in read(source)][:AT]
    assert keyframe_before(source, 0, times) is not None
    assert keyframe_before(source, 0, [*times[:5], times[5] + MS, *times[6:]]) is None
    assert keyframe_before(source, 0, [*times[:5], *times[6:]]) is None


def test_deinterlacing_looks_back(tmp_path: Path) -> None:
    clip = replace(OFTEN, options={"flags": "+ildct+ilme", "preset": "superfast", "qp": "12", "g": "10"}, interlaced=True)
    assert same(*after(clip.make(tmp_path / "in.mp4"), ReadOptions(deinterlace=True)))


def test_nothing_is_missed_of_the_other_streams(tmp_path: Path) -> None:
    source = replace(OFTEN, audio="aac").make(tmp_path / "in.mp4")
    with open_video(source, copies=True) as video:
        whole = list(video)
        expected = [bytes(packet) for packet in video.take_copied()]
    with open_video(source, copies=True) as video:
        for _ in video.skip([frame.time for frame in whole[:AT]]):
            pass
        assert len(list(video)) == len(whole) - AT
        assert [bytes(packet) for packet in video.take_copied()] == expected
        assert video.damage.lost == 0


def test_damage_is_still_counted_behind_it(tmp_path: Path) -> None:
    source = OFTEN.make(tmp_path / "in.mp4")
    with open_video(source) as video:
        times = [frame.time for frame in video]
    content = bytearray(source.read_bytes())
    with av.open(str(source)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        hit = next(packet for packet in packets if packet.pts == PTS[50])
        begin = hit.pos or 0
    content[begin + 4 : begin + hit.size] = bytes(hit.size - 4)
    source.write_bytes(content)
    with open_video(source) as video:
        for _ in video.skip(times[:AT]):
            pass
        assert next(frame.index for frame in list(video)) == AT
        assert video.damage.lost + video.damage.patched > 0


def test_a_video_that_became_shorter(tmp_path: Path) -> None:
    source = OFTEN.make(tmp_path / "in.mp4")
    with open_video(source) as video, pytest.raises(SourceError, match="more than 60 frames were expected, 60 came; the file has changed"):
        for _ in video.skip([frame.time for frame in read(source)]):
            pass
