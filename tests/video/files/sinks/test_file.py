"""The file sink: times, sound, facts and colours survive a restore that changes nothing, and only whole files get a name."""

from __future__ import annotations

import errno
import itertools
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from runtime.errors import SinkError, UsageError
from tests.support.video.clips import MS, STEADY, UNSTEADY, Clip, order_of, packets, read
from video.files.encoding import EncodeOptions
from video.files.sinks.file import VideoSink
from video.files.sources.file import open_video
from video.frame import VideoInfo

LOSSLESS = EncodeOptions(quality=100)


def identity(source_path: Path, target: Path, options: EncodeOptions | None = None) -> VideoInfo:
    with open_video(source_path, copies=True) as source, VideoSink(target, source.info, options, copy_from=source) as sink:
        for frame in source:
            sink.write(frame)
        return source.info


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize(
    ("pts", "time_base"),
    [
        (STEADY, Fraction(1, 12800)),
        (UNSTEADY, MS),
        ([500 + p for p in UNSTEADY], MS),
        ([p * 1001 for p in range(20)], Fraction(1, 30000)),
        ([4567 + p * 3600 for p in range(20)], Fraction(1, 90000)),
    ],
    ids=["steady", "variable rate", "starts at 0.5 s", "29.97", "starts between two milliseconds"],
)
def test_times_come_back_unchanged(tmp_path: Path, suffix: str, pts: list[int], time_base: Fraction) -> None:
    source = Clip(pts=pts, time_base=time_base).make(tmp_path / "in.mp4")
    identity(source, tmp_path / f"out{suffix}")
    before, after = read(source), read(tmp_path / f"out{suffix}")
    assert [frame.time for frame in before] == [p * time_base for p in pts], "the test clip itself is not what was asked for"
    assert [frame.time for frame in after] == [frame.time for frame in before]
    assert [frame.duration * frame.time_base for frame in after] == [frame.duration * frame.time_base for frame in before]
    assert order_of(after) == list(range(len(pts)))


def test_times_survive_matroska_both_ways(tmp_path: Path) -> None:
    source = Clip(pts=UNSTEADY, time_base=MS).make(tmp_path / "in.mkv")
    identity(source, tmp_path / "out.mp4")
    identity(tmp_path / "out.mp4", tmp_path / "again.mkv")
    assert [frame.time for frame in read(tmp_path / "again.mkv")] == [p * MS for p in UNSTEADY]


def test_rounded_times_are_counted(tmp_path: Path) -> None:
    source = Clip(pts=[p * 1001 for p in range(10)], time_base=Fraction(1, 30000)).make(tmp_path / "in.mp4")
    with open_video(source) as video, VideoSink(tmp_path / "out.mkv", video.info) as sink:
        for frame in video:
            sink.write(frame)
    assert sink.rounded == 9, "only the frame at 0 falls on a whole millisecond"


@pytest.mark.parametrize(("codec", "start"), [("aac", 0), ("aac", 9600), ("flac", 4800)])
def test_sound_is_copied_with_its_offset(tmp_path: Path, codec: str, start: int) -> None:
    source = Clip(audio=codec, audio_start=start).make(tmp_path / "in.mp4")
    identity(source, tmp_path / "out.mp4")
    identity(source, tmp_path / "out.mkv")
    assert packets(tmp_path / "out.mp4", "audio") == packets(source, "audio")
    in_mkv = packets(tmp_path / "out.mkv", "audio")
    assert [data for _, data in in_mkv] == [data for _, data in packets(source, "audio")]
    assert all(abs(a - b) <= MS for (a, _), (b, _) in zip(in_mkv, packets(source, "audio"), strict=True)), "Matroska rounds to 1 ms"


def test_sound_of_a_transport_stream_fits_into_mp4(tmp_path: Path) -> None:
    source = Clip(pts=range(0, 20 * 3600, 3600), time_base=Fraction(1, 90000), audio="aac").make(tmp_path / "in.ts")
    identity(source, tmp_path / "out.mp4")
    assert [frame.time for frame in read(tmp_path / "out.mp4")] == [frame.time for frame in read(source)]
    before, after = packets(source, "audio"), packets(tmp_path / "out.mp4", "audio")
    assert [data for _, data in after] == [data[7:] for _, data in before], "the header of each packet has moved to the index"
    assert all(abs(a - b) <= Fraction(1, 48000) for (a, _), (b, _) in zip(after, before, strict=True))
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert sum(1 for _ in container.decode(audio=0)) == len(after)


def test_sound_with_two_packets_at_one_time_is_kept(tmp_path: Path) -> None:
    """As FFmpeg writes fragmented MP4 when it has to guess (see _HYBRID in the sink)."""
    source = Clip(audio="aac", container_options={"movflags": "frag_every_frame+empty_moov"}).make(tmp_path / "in.mp4")
    times = [time for time, _ in packets(source, "audio")]
    assert len(set(times)) < len(times), "the test clip itself is not broken in this way any more"
    with open_video(source, copies=True) as video, VideoSink(tmp_path / "out.mp4", video.info, copy_from=video) as sink:
        for frame in video:
            sink.write(frame)
    assert sink.retimed == len(times) - len(set(times))
    assert [data for _, data in packets(tmp_path / "out.mp4", "audio")] == [data for _, data in packets(source, "audio")]


def test_facts_are_kept(tmp_path: Path) -> None:
    source = Clip(rotation=90, sample_aspect_ratio=Fraction(4, 3), metadata={"title": "Rain on the A4"}).make(tmp_path / "in.mp4")
    before = identity(source, tmp_path / "out.mp4")
    with open_video(tmp_path / "out.mp4") as after:
        assert before.display_matrix is not None
        assert after.info.display_matrix == before.display_matrix, "turned once by the player, never by us"
        assert after.info.sample_aspect_ratio == Fraction(4, 3)
        assert after.container.metadata["title"] == "Rain on the A4"
        assert (after.info.width, after.info.height) == (96, 64)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("made", [".mp4", ".mov"])
def test_timecode_is_kept(tmp_path: Path, made: str, suffix: str) -> None:
    """As GoPro, DJI and Sony write it: a fact of the video, of which FFmpeg makes a track anew where the container has such tracks."""
    source = Clip(stream_metadata={"timecode": "01:02:03:04"}, audio="aac").make(tmp_path / f"in{made}")
    with open_video(source, copies=True) as video, VideoSink(tmp_path / f"out{suffix}", video.info, copy_from=video) as sink:
        assert [other.type for other in video.other_streams] == ["audio", "data"], "the test clip itself has no such track"
        for frame in video:
            sink.write(frame)
    assert sink.left_out == []
    assert [frame.time for frame in read(sink.path)] == [frame.time for frame in read(source)]
    with av.open(str(sink.path)) as container:
        assert {key.lower(): value for key, value in container.streams.video[0].metadata.items()}["timecode"] == "01:02:03:04"
        assert [track.metadata["timecode"] for track in container.streams.data] == ["01:02:03:04"] * (suffix != ".mkv")


def test_the_video_keeps_its_name_and_its_language(tmp_path: Path) -> None:
    said = {"language": "deu", "title": "front", "BPS": "99"}
    source = Clip(stream_metadata=said).make(tmp_path / "in.mkv")
    identity(source, tmp_path / "out.mkv")
    with av.open(str(source)) as before, av.open(str(tmp_path / "out.mkv")) as after:
        assert before.streams.video[0].metadata["BPS"] == "99"
        facts = after.streams.video[0].metadata
        assert (facts["language"], facts["title"], facts.get("BPS")) == ("deu", "front", None)
        assert after.streams.video[0].disposition == before.streams.video[0].disposition


def test_a_name_with_a_colon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As recorders name files; FFmpeg takes what comes before a colon for a protocol."""
    monkeypatch.chdir(tmp_path)
    source = Clip().make(tmp_path / "2024-01-01T12:30:00.mp4").relative_to(tmp_path)
    identity(source, Path("2024-01-01T12:30:01.mp4"))
    assert len(read(Path("2024-01-01T12:30:01.mp4"))) == len(STEADY)


def test_ends_as_an_ordinary_mp4(tmp_path: Path) -> None:
    identity(Clip(audio="aac").make(tmp_path / "in.mp4"), tmp_path / "out.mp4")
    data = (tmp_path / "out.mp4").read_bytes()
    boxes, at = [], 0
    while at < len(data):
        boxes.append(data[at + 4 : at + 8])
        at += int.from_bytes(data[at : at + 4], "big") or len(data)
    assert boxes[0] == b"ftyp"
    assert boxes.count(b"moov") == 1
    assert b"moof" not in boxes


BARS_709 = {"colorspace": 1, "color_primaries": 1, "color_trc": 1, "color_range": 1}
BARS_601 = {"colorspace": 6, "color_primaries": 6, "color_trc": 6, "color_range": 1}
HD, SD = (1280, 64), (96, 64)  # the width alone makes the rule say BT.709


@pytest.mark.parametrize("encoder", ["h264", "h265", "av1", "ffv1"])
@pytest.mark.parametrize(
    ("tags", "size", "matrix"),
    [
        (BARS_709, SD, 1),
        (BARS_601, HD, 6),
        ({}, HD, 1),
        ({}, SD, 6),
        (BARS_709 | {"color_range": 2}, SD, 1),
        (BARS_601 | {"color_range": 2}, SD, 6),
    ],
    ids=["709", "601", "untagged HD", "untagged SD", "709 full", "601 full"],
)
def test_colour_bars_survive(tmp_path: Path, encoder: str, tags: dict[str, int], size: tuple[int, int], matrix: int) -> None:
    planes, flat = bars(size)
    lossless = {"preset": "superfast", "crf": "0"}
    source = Clip(pts=(0, 40, 80), time_base=MS, size=size, tags=tags, planes=planes, options=lossless).make(tmp_path / "in.mp4")
    target = tmp_path / "out.mp4"
    info = identity(source, target, EncodeOptions(encoder, None if encoder == "ffv1" else 100))
    assert info.color_assumed == (() if tags else ("matrix", "range", "primaries", "transfer"))
    before, after = stored(source), stored(target)
    assert np.abs(before.astype(int) - planes).max() == 0, "the test clip itself is not lossless"
    assert np.abs(after.astype(int) - before)[flat].max() <= 2
    with av.open(str(target)) as container:
        frame = next(container.decode(video=0))
        assert (frame.colorspace, frame.color_primaries, frame.color_trc) == (matrix, matrix, matrix), "every tag is written"
        assert frame.color_range == tags.get("color_range", 1)


def bars(size: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Bars of colours that exist (75 % and 40 %, BT.601 coded: inside BT.709's gamut too) as yuv420p, and where they are flat."""
    width, height = size
    columns = np.arange(width) * 8 // width
    bgr = np.array([[b, g, r] for b, g, r in itertools.product((0.2, 0.7), repeat=3)])[columns]
    y = 0.114 * bgr[:, 0] + 0.587 * bgr[:, 1] + 0.299 * bgr[:, 2]
    rows = [16 + 219 * y, (128 + 112 * (bgr[:, 0] - y) / 0.886)[::2], (128 + 112 * (bgr[:, 2] - y) / 0.701)[::2]]
    edges = np.abs(np.diff(columns, prepend=0)) > 0
    near = np.convolve(edges, np.ones(13), mode="same") > 0
    parts = [np.tile(np.rint(row).astype(np.uint8), (height // (1 if i == 0 else 2), 1)) for i, row in enumerate(rows)]
    flats = [np.tile(~(near if i == 0 else near[::2]), (height // (1 if i == 0 else 2), 1)) for i in range(3)]
    return (
        np.concatenate([part.reshape(-1) for part in parts]).reshape(-1, width),
        np.concatenate([flat.reshape(-1) for flat in flats]).reshape(-1, width),
    )


def stored(path: Path) -> NDArray[np.uint8]:
    """The planes of the first frame as they are in the file, converted by nobody."""
    with av.open(str(path)) as container:
        return np.asarray(next(container.decode(video=0)).to_ndarray(), np.uint8)


def test_an_odd_size_is_kept(tmp_path: Path) -> None:
    source = Clip(size=(97, 63), codec="ffv1", options={}, pixel_format="yuv444p").make(tmp_path / "in.mkv")
    identity(source, tmp_path / "out.mp4")
    assert read(tmp_path / "out.mp4")[0].image.shape == (63, 97, 3)


def test_lossless_keeps_the_chroma(tmp_path: Path) -> None:
    source = Clip(codec="ffv1", options={}, pixel_format="yuv422p").make(tmp_path / "in.mkv")
    identity(source, tmp_path / "out.mkv", EncodeOptions(encoder="ffv1"))
    with open_video(tmp_path / "out.mkv") as after:
        assert (after.info.codec, after.info.pixel_format) == ("ffv1", "yuv422p")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return Clip(audio="aac").make(tmp_path / "in.mp4")


def test_a_failure_leaves_nothing(tmp_path: Path, clip: Path) -> None:
    target = tmp_path / "out.mp4"

    def interrupted() -> None:
        with open_video(clip) as source, VideoSink(target, source.info) as sink:
            for frame in source:
                sink.write(frame)
                (part,) = tmp_path.glob(".*.mp4")
                assert part.stat().st_size > 0 or frame.index < 3
                assert not target.exists()
                if frame.index == 7:
                    raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4"]


def test_no_other_file_is_taken_for_the_temporary_one(tmp_path: Path, clip: Path) -> None:
    """Names like these were once its own: an input was written over while it was read."""
    source = clip.rename(tmp_path / "out.part.mp4")
    before = source.read_bytes()
    with open_video(source) as video:
        first, second = (VideoSink(tmp_path / "out.mp4", video.info) for _ in range(2))
        for frame in video:
            first.write(frame)
            second.write(frame)
        first.finish()
        second.finish()
    assert source.read_bytes() == before
    assert len(read(tmp_path / "out.mp4")) == len(STEADY)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4", "out.part.mp4"]


def test_an_existing_file_is_not_replaced_unasked(tmp_path: Path, clip: Path) -> None:
    target = tmp_path / "out.mp4"
    target.write_bytes(b"precious")
    with open_video(clip) as source:
        with pytest.raises(UsageError, match=r"exists already.*--force"):
            VideoSink(target, source.info)
        assert target.read_bytes() == b"precious"
        with VideoSink(target, source.info, overwrite=True) as sink:
            assert target.read_bytes() == b"precious", "the old file stays until the new one is whole"
            for frame in source:
                sink.write(frame)
    assert len(read(target)) == len(STEADY)


def test_the_input_is_never_the_output(tmp_path: Path, clip: Path) -> None:
    (tmp_path / "link.mp4").symlink_to(clip)
    for same in (clip, tmp_path / "link.mp4"):
        with open_video(clip, copies=True) as source, pytest.raises(UsageError, match="the input itself"):
            VideoSink(same, source.info, copy_from=source, overwrite=True)


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("out.avi", UsageError, r"\.mp4.*\.mkv.*, got \.avi"),
        ("nowhere/out.mp4", SinkError, "does not exist; make it first"),
        ("in.mp4/out.mp4", SinkError, "does not exist"),
        ("/proc/out.mp4", SinkError, "expected a file that can be written, got No such file or directory"),
    ],
)
def test_bad_targets(tmp_path: Path, clip: Path, name: str, kind: type[Exception], message: str) -> None:
    with open_video(clip) as source, pytest.raises(kind, match=message) as caught:
        VideoSink(tmp_path / name, source.info)
    assert "\n" not in str(caught.value)


def test_what_the_container_cannot_hold_is_said_before_the_work(tmp_path: Path) -> None:
    source = Clip(audio="pcm_u8").make(tmp_path / "in.mkv")
    message = r"audio stream 1 \(pcm_u8\) cannot be kept in \.mp4.*\.mkv"
    with open_video(source, copies=True) as video, pytest.raises(SinkError, match=message):
        VideoSink(tmp_path / "out.mp4", video.info, copy_from=video)
    assert not list(tmp_path.glob("out*"))
    identity(source, tmp_path / "out.mkv")
    assert packets(tmp_path / "out.mkv", "audio")


def test_sound_that_not_even_matroska_holds_is_to_be_converted(tmp_path: Path) -> None:
    source = Clip(audio="adpcm_ms", pts=range(20), time_base=Fraction(1, 25)).make(tmp_path / "in.avi")
    message = r"audio stream 1 \(adpcm_ms\) cannot be kept in \.mkv; convert it first: ffmpeg .* -c:a aac OUT\.mkv"
    with open_video(source, copies=True) as video, pytest.raises(SinkError, match=message):
        VideoSink(tmp_path / "out.mkv", video.info, copy_from=video)


@pytest.mark.parametrize(("code", "told"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EINVAL, False)])
def test_only_the_disks_faults_are_blamed_on_it(tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch, code: int, told: bool) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, "refused")

    with open_video(clip) as source:
        monkeypatch.setattr("video.files.sinks.file.av.open", refuse)
        with pytest.raises(SinkError, match="can be written, got refused") as caught:
            VideoSink(tmp_path / "out.mp4", source.info)
    assert ("free space" in str(caught.value)) is told


def test_a_scaled_picture_needs_a_scaled_sink(tmp_path: Path, clip: Path) -> None:
    with open_video(clip) as source:
        sink = VideoSink(tmp_path / "out.mp4", replace(source.info, width=48, height=32))
        with pytest.raises(SinkError, match="48×32 were expected, frame 0 is 96×64"):
            sink.write(next(iter(source)))
        sink.abort()
    assert not list(tmp_path.glob("out*"))
