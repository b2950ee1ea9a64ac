"""The file source: what it says of a file is true, and what is wrong with a file is said in one line or counted."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream

from runtime.errors import SourceError
from tests.support.video.clips import MS, STEADY, UNSTEADY, Clip, order_of, read, tone
from video.color import ColorTags, Matrix, Primaries, Range, Transfer
from video.files.sources.damage import Damage
from video.files.sources.file import open_video


def test_it_says_what_is_there(tmp_path: Path) -> None:
    with open_video(Clip(audio="aac").make(tmp_path / "in.mp4")) as source:
        info = source.info
        assert (info.width, info.height, info.codec, info.pixel_format, info.bit_depth) == (96, 64, "h264", "yuv420p", 8)
        assert (info.average_rate, info.frames, info.duration) == (Fraction(25), len(STEADY), Fraction(len(STEADY), 25))
        assert info.has_audio
        assert not info.interlaced
        assert info.color == ColorTags(Matrix.SMPTE170M, Range.LIMITED, Primaries.SMPTE170M, Transfer.SMPTE170M)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_frames_come_in_order_with_their_times(tmp_path: Path, suffix: str) -> None:
    frames = read(Clip(pts=UNSTEADY, time_base=MS).make(tmp_path / f"in{suffix}"))
    assert [frame.time for frame in frames] == [p * MS for p in UNSTEADY]
    assert [frame.index for frame in frames] == order_of(frames) == list(range(len(UNSTEADY)))
    assert all(frame.image.shape == (64, 96, 3) and frame.image.flags.c_contiguous for frame in frames)


def test_durations_are_the_distances_of_the_times(tmp_path: Path) -> None:
    frames = read(Clip(pts=UNSTEADY, time_base=MS).make(tmp_path / "in.mp4"))
    assert [frame.duration for frame in frames[:-1]] == list(np.diff(UNSTEADY))


def test_frames_before_an_edit_lists_beginning_are_not_shown(tmp_path: Path) -> None:
    pts = range(-5 * 512, 15 * 512, 512)
    with open_video(Clip(pts=pts, options={"preset": "superfast", "bf": "0", "qp": "12"}).make(tmp_path / "in.mp4")) as source:
        frames = list(source)
    assert [frame.pts for frame in frames] == list(pts)[5:]
    assert order_of(frames) == list(range(5, 20))
    assert source.damage == Damage(), "nothing is missing, and nothing is damaged"


def test_avi_knows_no_times_of_showing(tmp_path: Path) -> None:
    """FFmpeg makes some up that are wrong around B-frames; the rate and the order are what the file knows."""
    with open_video(Clip(pts=range(20), time_base=Fraction(1, 25)).make(tmp_path / "in.avi")) as source:
        frames = list(source)
    assert [frame.time - frames[0].time for frame in frames] == [Fraction(index, 25) for index in range(20)]
    assert order_of(frames) == list(range(20))
    assert source.damage.retimed == 0


def test_avi_keeps_the_times_after_a_lost_frame(tmp_path: Path) -> None:
    pts = range(20)
    path = Clip(pts=pts, time_base=Fraction(1, 25), codec="mjpeg", pixel_format="yuvj420p", options={}).make(tmp_path / "in.avi")
    with av.open(str(path)) as container:
        lost = bytes([packet for packet in container.demux() if packet.size][7])
    data = path.read_bytes()
    path.write_bytes(data.replace(lost, bytes(len(lost))))
    with open_video(path) as source:
        frames = list(source)
    assert source.damage.lost == 1
    assert frames[-1].time - frames[0].time == Fraction(19, 25)
    assert order_of(frames) == [index for index in pts if index != 7]


def test_recordings_joined_end_to_end_are_refused(tmp_path: Path) -> None:
    """`cat a.ts b.ts > both.ts`: all frames of the second would be given the next possible time."""
    data = Clip(pts=range(0, 50 * 3600, 3600), time_base=Fraction(1, 90000)).make(tmp_path / "a.ts").read_bytes()
    (tmp_path / "both.ts").write_bytes(data + data)
    with pytest.raises(SourceError, match=r"both\.ts: .*, got a jump back from \d\.\d\d s to \d\.\d\d s.*OUT\.mkv") as caught:
        read(tmp_path / "both.ts")
    assert "\n" not in str(caught.value)


def test_a_frame_taken_keeps_its_pixels(tmp_path: Path) -> None:
    with open_video(Clip().make(tmp_path / "in.mp4")) as source:
        kept = [(frame, frame.image.copy()) for frame in source]
    assert all((frame.image == copy).all() for frame, copy in kept)


@pytest.mark.parametrize("trc", [16, 18], ids=["PQ", "HLG"])
def test_high_dynamic_range_is_refused(tmp_path: Path, trc: int) -> None:
    tags = {"colorspace": 9, "color_primaries": 9, "color_trc": trc, "color_range": 1}
    path = Clip(codec="libx265", pixel_format="yuv420p10le", options={"x265-params": "log-level=none"}, tags=tags).make(tmp_path / "in.mp4")
    message = r"in\.mp4: expected standard-range video, got (PQ|HLG).*tone-map it first: ffmpeg -i IN -vf zscale=.*tonemap=.* OUT\.mkv$"
    with pytest.raises(SourceError, match=message):
        open_video(path)


def test_dolby_vision_is_refused(tmp_path: Path) -> None:
    """Its base layer may be tagged as ordinary video, or not at all. A unit of its metadata after each picture gives it away."""
    unit = b"\0\0\0\1\x7c\x01\x19\x04\x09\x10\x80"
    plain = Clip(codec="libx265", options={"x265-params": "log-level=none"}).make(tmp_path / "plain.ts")
    with av.open(str(plain)) as before, av.open(str(tmp_path / "in.ts"), "w") as after:
        stream = after.add_stream_from_template(before.streams.video[0])
        for packet in before.demux(video=0):
            if packet.size:
                marked = av.Packet(bytes(packet) + unit)
                marked.pts, marked.dts, marked.time_base, marked.stream = packet.pts, packet.dts, packet.time_base, stream
                after.mux(marked)
    open_video(plain).close()
    with pytest.raises(SourceError, match=r"in\.ts: .*got Dolby Vision.*tone-map it first: ffmpeg -i IN -vf libplacebo="):
        open_video(tmp_path / "in.ts")


def test_ten_bits_are_read_as_eight(tmp_path: Path) -> None:
    clip = Clip(codec="ffv1", options={}, pixel_format="yuv420p10le")
    with open_video(clip.make(tmp_path / "in.mkv")) as source:
        assert source.info.bit_depth == 10
        assert order_of(list(source)) == list(range(len(STEADY)))


def missing(path: Path) -> None:
    path.unlink()


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("this is not a video\n" * 100)


def noise(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(5000))


def without_its_index(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moov") - 4])


def only_sound(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        assert isinstance(stream, AudioStream)
        stream.layout = "mono"
        for sounds in tone(0, 0.2):
            container.mux(stream.encode(sounds))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (missing, "there is nothing; check the path"),
        (folder, "a folder is there"),
        (empty, r"empty \(0 bytes\); copy it again"),
        (text, "this is text; name a video file"),
        (noise, "FFmpeg recognises nothing in it"),
        (without_its_index, r"its index \(moov\) is missing.*copy it again"),
        (only_sound, "no video stream"),
    ],
)
def test_what_is_not_a_video_is_one_line(tmp_path: Path, spoil: Callable[[Path], None], message: str) -> None:
    path = Clip().make(tmp_path / "in.mp4")
    spoil(path)
    with pytest.raises(SourceError, match=message) as caught:
        open_video(path)
    assert "in.mp4" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0.5, 0.8, 0.97])
def test_a_file_that_breaks_off_says_where(tmp_path: Path, share: float) -> None:
    pts = range(0, 50 * 40, 40)
    path = Clip(pts=pts, time_base=MS, container_options={"movflags": "faststart"}).make(tmp_path / "in.mp4")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(SourceError, match=r"breaks off after frame \d+ \(\d\.\d\d s\).*copy it again") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_flipped_bits_are_counted(tmp_path: Path) -> None:
    path = Clip(container_options={"movflags": "faststart"}).make(tmp_path / "in.mp4")
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(1)
    for at in rng.integers(data.index(b"mdat") + 3000, len(data) - 10, 40):
        data[at] ^= 0xFF
    path.write_bytes(data)
    with open_video(path) as source:
        count = len(list(source))
    assert source.damage.patched + source.damage.lost > 0
    assert source.damage.first is not None
    assert count + source.damage.lost == len(STEADY)


def test_a_source_is_read_once(tmp_path: Path) -> None:
    with open_video(Clip().make(tmp_path / "in.mp4")) as source:
        assert len(list(source)) == len(STEADY)
        with pytest.raises(SourceError, match="open it again"):
            next(iter(source))
