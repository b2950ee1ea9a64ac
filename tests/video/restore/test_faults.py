"""Damaged videos, as files and as streams: never a hang, a crash or a wrong result without a word; a report that names it, or one line."""

from __future__ import annotations

import io
import threading
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from runtime.errors import ClearwayError, SinkError, SourceError, SourceLost
from tests.support.video.clips import MS, Clip, moving, packets, read, tone
from tests.support.video.faults import CORPUS, FRAMES, PICTURE, SOUND, Fault, cut, flips, foreign, hole, hours_away, noisy, whole, zeros
from tests.support.video.restoring import do_video, restorer
from tests.support.video.servers import Server, sends, stream
from video.files.reading import ReadOptions
from video.files.sinks.file import VideoSink
from video.files.sources.damage import Damage
from video.files.sources.file import open_video
from video.files.sources.pipe import open_pipe
from video.frame import Frame
from video.live.sources.source import CapturedPicture, DroppedFrame
from video.live.sources.stream import StreamSource
from video.restore.report import VideoReport

SEEDS = range(6)
# FFmpeg writes no transport stream of H.264 or H.265 without a start code in it, and at 5 there is none left.
NOISE = [
    (codec, suffix, amount)
    for codec, suffix in CORPUS
    for amount in (2000, 100, 5)
    if not (amount == 5 and suffix == ".ts" and codec.startswith("libx"))
]
TOLD = ("damaged", "could not be decoded", "incomplete", "no time of their own")
SAME = 14  # grey levels of mean difference; compression costs up to 6, a picture of another time or a smeared one 20 and more

# What is damaged without a word in the report: clip, fault, seed → wrong frames. Neither the containers nor FFmpeg's decoders notice it,
# or PyAV does not hand their sign on; in AVI, which has no times, frames after lost ones come early. All else must be named or right.
UNNOTICED = {
    ("libx264.mkv", "zeros", 3): 1,
    ("libx264.flv", "hole", 0): 2,
    ("libx264.flv", "hole", 2): 2,
    ("libx264.flv", "zeros", 0): 2,
    ("libx264.flv", "zeros", 2): 2,
    ("libx264.flv", "zeros", 3): 4,
    ("mpeg4.avi", "flips", 5): 1,
    ("mpeg4.avi", "zeros", 1): 22,
    ("mjpeg.mkv", "zeros", 5): 1,
    ("mjpeg.mkv", "foreign", 5): 1,
}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each whole clip once."""
    folder = tmp_path_factory.mktemp("whole")
    for codec, suffix in [*CORPUS, ("libx264", ".flv"), ("mpeg4", ".avi")]:
        whole(folder / f"{codec}{suffix}", codec, audio="mp2" if suffix == ".avi" else "aac")
    return folder


def outcome(bad: Path, target: Path) -> VideoReport | None:
    """The report of a result that can be read, or None after one line of error that left nothing under its name."""
    report, line = _restored(bad, target)
    if report is None:
        assert "\n" not in line
        assert line.startswith((f"{bad}: ", f"{bad}, frame ", f"{target}: "))
        assert not target.exists()
        return None
    after = read(target)
    assert len(after) == report.frames
    assert all(one.pts < other.pts for one, other in pairwise(after))
    return report


def _restored(bad: Path, target: Path) -> tuple[VideoReport | None, str]:
    try:
        return do_video(bad, target, restorer()), ""
    except ClearwayError as error:
        return None, str(error)


def told(report: VideoReport) -> bool:
    return any(word in note for word in TOLD for note in report.notes)


def wrong(shown: list[Frame], true: list[Frame]) -> list[int]:
    """The frames that are not what is shown at their time in the whole clip; the containers' milliseconds apart."""
    at = {round(frame.time * 1000): frame.image.astype(int) for frame in true}
    return [frame.index for frame in shown if np.abs(at[round(frame.time * 1000)] - frame.image).mean() > SAME]


@pytest.mark.parametrize(("codec", "suffix"), CORPUS)
def test_a_whole_clip_is_not_called_damaged(clips: Path, tmp_path: Path, codec: str, suffix: str) -> None:
    report = outcome(clips / f"{codec}{suffix}", tmp_path / "out.mkv")
    assert report is not None
    assert (report.frames, told(report)) == (FRAMES, False), report.notes


def test_a_whole_stream_through_a_pipe_is_not_called_damaged(clips: Path) -> None:
    """A pipe has no size, of which the last packet of a transport stream is judged elsewhere."""
    with open_pipe(io.BytesIO((clips / "libx264.ts").read_bytes()), ReadOptions()) as source:
        assert len(list(source)) == FRAMES
    assert source.damage == Damage()


@pytest.mark.parametrize(("codec", "suffix", "amount"), NOISE)
def test_noise_in_the_picture_is_named_or_cannot_be_seen(clips: Path, tmp_path: Path, codec: str, suffix: str, amount: int) -> None:
    clip = clips / f"{codec}{suffix}"
    bad = noisy(clip, tmp_path / f"in{suffix}", f"amount={amount}")
    report = outcome(bad, tmp_path / "out.mkv")
    if codec != "mjpeg":  # each frame says its size, which is another one then
        assert report is not None or amount == 5, "what can be saved is saved"
    if report is not None and not told(report):
        assert report.frames == FRAMES
        assert wrong(read(tmp_path / "out.mkv"), read(clip)) == []


@pytest.mark.parametrize(("codec", "suffix"), [pair for pair in CORPUS if pair[0] in ("libx264", "mpeg2video")])
def test_a_keyframe_that_is_missing_is_named(clips: Path, tmp_path: Path, codec: str, suffix: str) -> None:
    bad = noisy(clips / f"{codec}{suffix}", tmp_path / f"in{suffix}", "drop='gt(n,0)*gt(key,0)*lt(n,25)'")
    report = outcome(bad, tmp_path / "out.mkv")
    assert report is not None
    assert report.frames < FRAMES
    assert told(report), report.notes


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["libx264.mp4", "libx264.mkv", "libx264.ts", "libx264.flv", "mpeg4.avi"])
def test_a_file_that_was_cut_short_is_named(clips: Path, tmp_path: Path, name: str, seed: int) -> None:
    bad = tmp_path / name
    bad.write_bytes(cut((clips / name).read_bytes(), np.random.default_rng(seed)))
    report = outcome(bad, tmp_path / "out.mp4")
    assert report is None or told(report), report.notes


@pytest.mark.parametrize("fault", [flips, hole, zeros, foreign])
@pytest.mark.parametrize("name", ["libx264.mp4", "libx264.mkv", "libx264.ts", "libx265.ts", "libx264.flv", "mpeg4.avi", "mjpeg.mkv"])
def test_what_a_bad_disk_gives_back_ends_in_a_report_or_one_line(clips: Path, tmp_path: Path, name: str, fault: Fault) -> None:
    data, bad = (clips / name).read_bytes(), tmp_path / name
    for seed in SEEDS:
        bad.write_bytes(fault(data, np.random.default_rng(seed)))
        target = tmp_path / f"out{seed}{('.mp4', '.mkv')[seed % 2]}"
        report = outcome(bad, target)
        if report is not None and not told(report):
            unnoticed = wrong(read(target), read(clips / name))
            assert len(unnoticed) <= UNNOTICED.get((name, fault.__name__, seed), 0), (seed, unnoticed)


def test_a_size_that_changes_is_refused(tmp_path: Path) -> None:
    bad = tmp_path / "in.ts"
    bad.write_bytes(stream(25) + stream(25, size=(128, 80), start=25 * 3600))
    with pytest.raises(SourceError, match=r"96×64 was expected throughout, frame 25 is 128×80; cut the video there"):
        do_video(bad, tmp_path / "out.mp4", restorer())
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("codec", ["mpeg4", "libx265"])
def test_a_codec_that_changes_is_named(tmp_path: Path, codec: str) -> None:
    bad = tmp_path / "in.ts"
    bad.write_bytes(stream(25) + stream(25, codec=codec, start=25 * 3600))
    report = outcome(bad, tmp_path / "out.mp4")
    assert report is not None
    assert 20 <= report.frames <= 25
    assert any(note.startswith("could not be decoded and are missing: 2") for note in report.notes), report.notes


def test_times_that_jump_back_are_refused(tmp_path: Path) -> None:
    bad = tmp_path / "in.ts"
    bad.write_bytes(stream(50, start=90000) + stream(50))
    with pytest.raises(SourceError, match=r"expected times that rise, got a jump back from 2\.96 s to 0\.00 s"):
        do_video(bad, tmp_path / "out.mp4", restorer())
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_times_that_wrap_go_on_and_the_sound_with_them(tmp_path: Path, suffix: str) -> None:
    """33 bits of 1/90000 s. FFmpeg reads what was before the wrap as negative, which players do not show."""
    start, tick = 2**33 - 20 * 3600, Fraction(1, 90000)
    bad = Clip(range(start, start + 50 * 3600, 3600), tick, audio="aac", audio_start=start * 48 // 90).make(tmp_path / "in.ts")
    report = outcome(bad, tmp_path / f"out{suffix}")
    assert report is not None
    assert not told(report)
    times = [frame.time for frame in read(tmp_path / f"out{suffix}")]
    exact = 0 if suffix != ".mkv" else MS / 2
    assert all(abs(time - (start + index * 3600) * tick) <= exact for index, time in enumerate(times))
    before = packets(bad, "audio")[0][0] - packets(bad, "video")[0][0]
    assert abs(packets(tmp_path / f"out{suffix}", "audio")[0][0] - times[0] - before) < MS


def test_a_stream_without_times_is_named(tmp_path: Path) -> None:
    bad = tmp_path / "in.h264"
    bad.write_bytes(stream(50, format="h264"))
    report = outcome(bad, tmp_path / "out.mp4")
    assert report is not None
    assert any("no time of their own" in note and "50 frames" in note for note in report.notes)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_with_a_damaged_time_costs_one_packet(tmp_path: Path, suffix: str) -> None:
    """It would push all that follow behind it; and at 13 hours from the one before, FFmpeg's writer of MP4 aborts the process."""
    clip = whole(tmp_path / "in.ts", "libx264")
    played = packets(clip, "audio")
    clip.write_bytes(hours_away(clip.read_bytes(), SOUND, 20))
    report = outcome(clip, tmp_path / f"out{suffix}")
    assert report is not None
    assert "packets of sound whose time was damaged, and that were left out: 1" in report.notes
    after = packets(tmp_path / f"out{suffix}", "audio")
    assert len(after) == len(played) - 1
    assert abs(after[-1][0] - played[-1][0]) < MS


@pytest.mark.parametrize("start", [0, 2**32], ids=["ahead", "back"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_picture_with_a_damaged_time_goes_between_its_neighbours(tmp_path: Path, suffix: str, start: int) -> None:
    bad = tmp_path / "in.ts"
    bad.write_bytes(hours_away(stream(50, start=start), PICTURE, 20))
    report = outcome(bad, tmp_path / f"out{suffix}")
    assert report is not None
    assert any("no time of their own" in note and ": 1 frame " in note for note in report.notes), report.notes
    times = [frame.time for frame in read(tmp_path / f"out{suffix}")]
    assert all(abs(time - Fraction(start + index * 3600, 90000)) < MS for index, time in enumerate(times))


def test_sound_that_cannot_be_copied_does_not_cost_the_picture(tmp_path: Path) -> None:
    clip = whole(tmp_path / "in.ts", "libx264")
    data = clip.read_bytes()
    frame = data.index(b"\xff\xf1", len(data) // 2)  # where a packet of AAC says what it is
    clip.write_bytes(data[:frame] + b"\0\0" + data[frame + 2 :])
    report = outcome(clip, tmp_path / "out.mp4")
    assert report is not None
    assert report.frames == FRAMES
    assert any(note.endswith("damaged packets of sound or subtitles") for note in report.notes)


def test_sound_that_outlasts_the_picture_is_no_break(tmp_path: Path) -> None:
    """Matroska announces the length of the longest stream, whichever of them are read."""
    clip = tmp_path / "in.mkv"
    with av.open(str(clip), "w") as container:
        video, sound = add_video(container, "libx264"), container.add_stream("aac", rate=48000)
        assert isinstance(sound, AudioStream)
        sound.layout = "mono"
        for heard in tone(0, 3):
            container.mux(sound.encode(heard))
        draw(container, video, 25)
        container.mux(sound.encode(None))
    assert len(read(clip)) == 25


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_a_pause_that_mp4_cannot_count_is_refused(tmp_path: Path, suffix: str) -> None:
    """FFmpeg's writer would abort the process."""
    tick = Fraction(1, 1000000)
    with open_video(whole(tmp_path / "in.mkv", "libx264")) as source:
        frame, info = next(iter(source)), replace(source.info, time_base=tick)
    with (
        pytest.raises(SinkError, match=r"frame 0 is followed by a pause of 2147 s.*name that ends in \.mkv"),
        VideoSink(tmp_path / f"out{suffix}", info) as sink,
    ):
        sink.write(replace(frame, time_base=tick, duration=2**31))
    assert not (tmp_path / f"out{suffix}").exists()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_video_without_frames(tmp_path: Path, suffix: str) -> None:
    bad = tmp_path / f"in{suffix}"
    with av.open(str(bad), "w") as container:
        add_video(container, "libx264")
        container.start_encoding()
    assert outcome(bad, tmp_path / "out.mp4") is None


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_a_cover_is_no_video_and_is_left_out_with_a_word(tmp_path: Path, suffix: str) -> None:
    clip = tmp_path / "in.mp4"
    with av.open(str(clip), "w") as container:
        cover, video = add_video(container, "png", "rgb24"), add_video(container, "libx264")
        cover.disposition = Disposition.attached_pic
        draw(container, cover, 1)
        draw(container, video, 25)
    report = outcome(clip, tmp_path / f"out{suffix}")
    assert report is not None
    assert report.frames == 25
    assert "not carried over: the cover picture" in report.notes
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        assert len(container.streams) == 1


def add_video(container: OutputContainer, codec: str, pixel_format: str = "yuv420p") -> VideoStream:
    video = container.add_stream(codec, rate=25)
    assert isinstance(video, VideoStream)
    video.width, video.height, video.pix_fmt = 96, 64, pixel_format
    return video


def draw(container: OutputContainer, video: VideoStream, frames: int) -> None:
    for index in range(frames):
        picture = av.VideoFrame.from_ndarray(moving(index, 96, 64), format="bgr24")
        picture.pts, picture.time_base = index, Fraction(1, 25)
        container.mux(video.encode(picture))
    container.mux(video.encode(None))


def streamed(data: bytes) -> tuple[list[CapturedPicture | DroppedFrame], SourceError]:
    """What a live source gives of it, and the error that ends it; anything else is a fault of ours."""
    came: list[CapturedPicture | DroppedFrame] = []
    with Server([sends(data)]) as server:
        try:
            for item in StreamSource(f"tcp://{server.address}").frames(threading.Event()):
                came.append(item)
        except SourceError as error:
            return came, error
    raise AssertionError("a stream that ends is a loss")


@pytest.mark.parametrize("name", ["libx264.ts", "libx264.mkv", "libx265.ts", "mpeg2video.ts", "mpeg4.ts", "mjpeg.mkv"])
def test_after_noise_a_stream_goes_on_with_a_whole_picture(clips: Path, tmp_path: Path, name: str) -> None:
    bad = noisy(clips / name, tmp_path / name, "amount=2000")
    true = {frame.time: frame.image.astype(int) for frame in read(clips / name)}
    came, error = streamed(bad.read_bytes())
    assert type(error) is SourceLost
    assert "it ended" in str(error), "damage is no loss of the connection"
    assert sum(isinstance(item, CapturedPicture) for item in came) >= 10, "it goes on"
    for damaged, item in pairwise(came):
        if isinstance(damaged, DroppedFrame) and isinstance(item, CapturedPicture):
            assert item.time is not None
            assert np.abs(true[item.time] - item.image).mean() <= SAME, f"at {float(item.time):.2f} s"


@pytest.mark.parametrize("fault", [flips, hole, foreign, cut])
@pytest.mark.parametrize("name", ["libx264.ts", "libx265.ts", "mpeg2video.ts", "libx264.flv", "libx264.mkv", "mjpeg.mkv"])
def test_a_stream_of_anything_is_a_loss_and_no_fault_of_ours(clips: Path, name: str, fault: Fault) -> None:
    data = (clips / name).read_bytes()
    for seed in SEEDS:
        _, error = streamed(fault(data, np.random.default_rng(seed)))
        assert "\n" not in str(error)
