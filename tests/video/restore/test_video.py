"""Restoring files and folders: every fault ends in one line and leaves no half-written file under a final name."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from runtime.errors import BackendError, PictureError, SinkError, SourceError, UsageError
from runtime.restorer import Restorer
from tests.support.files import full_disk, names
from tests.support.video.clips import MS, STEADY, UNSTEADY, Clip, order_of, packets, read
from tests.support.video.restoring import do_folder, do_picture, do_video, failing, picture, restorer
from video.color import AssumedColor, Matrix
from video.files.encoding import EncodeOptions
from video.files.reading import ReadOptions
from video.finish.finish import FinishOptions
from video.restore.report import VideoReport
from video.restore.video import engine_threads


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return Clip(audio="aac").make(tmp_path / "in.mp4")


def test_a_video_is_restored_and_reported(tmp_path: Path, clip: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    report = do_video(clip, tmp_path / "out.mp4", restorer(lambda p: 255 - p), progress=lambda *at: seen.append(at))
    after = read(tmp_path / "out.mp4")
    assert np.abs(after[5].image.astype(int) - (255 - read(clip)[5].image)).mean() < 4
    assert packets(tmp_path / "out.mp4", "audio") == packets(clip, "audio")
    assert (report.frames, report.source_fps, report.model) == (len(STEADY), 25.0, "fake")
    assert report.fps == pytest.approx(report.frames / report.seconds)
    assert report.kept_up is (report.fps >= 25)
    assert {"decode", "restore", "encode"} == report.stages.keys()
    assert seen[-1] == (len(STEADY), len(STEADY))
    assert report.notes == ("the source does not say its colour matrix, range, primaries, transfer: SMPTE170M was assumed",)


def test_flicker_is_reduced_and_measured_when_asked(tmp_path: Path, clip: Path) -> None:
    """The network is one that flickers."""

    def flickering() -> Restorer:
        count = iter(range(1000))
        return restorer(lambda picture: picture // 2 + np.uint8(6 * (next(count) % 2)))

    reports = [
        do_video(clip, tmp_path / f"{wanted.reduce_flicker}.mkv", flickering(), EncodeOptions("ffv1"), finish=wanted)
        for wanted in (FinishOptions(flicker=True), FinishOptions(reduce_flicker=True, flicker=True))
    ]
    raw, reduced = (report.flicker for report in reports)
    assert raw is not None
    assert reduced is not None
    assert raw.source == reduced.source
    assert reduced.result < 0.8 * raw.result
    assert [report.flicker_reduced for report in reports] == [False, True]
    assert {"steady", "flicker"} <= reports[1].stages.keys()
    assert reports[1].as_dict()["flicker"]["pairs"] == reduced.pairs


@pytest.mark.parametrize(("cores", "threads"), [(1, None), (2, None), (3, None), (4, 3), (8, 6), (64, 48)])
def test_decoder_and_encoder_are_left_a_quarter_of_many_cores(cores: int, threads: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("video.restore.video.usable_cores", lambda: cores)
    assert engine_threads() == threads


def test_a_variable_rate_stays_as_it_was(tmp_path: Path) -> None:
    source = Clip(pts=UNSTEADY, time_base=MS).make(tmp_path / "in.mkv")
    report = do_video(source, tmp_path / "out.mp4", restorer())
    assert [frame.time for frame in read(tmp_path / "out.mp4")] == [pts * MS for pts in UNSTEADY]
    assert report.source_fps is not None


def test_a_network_that_enlarges(tmp_path: Path, clip: Path) -> None:
    report = do_video(clip, tmp_path / "out.mp4", restorer(lambda p: np.repeat(np.repeat(p, 2, 0), 2, 1), scale=2))
    assert (report.width, report.height) == (192, 128)
    frames = read(tmp_path / "out.mp4")
    assert frames[0].image.shape == (128, 192, 3)
    assert len(frames) == len(STEADY)


def test_ten_bits_are_reported(tmp_path: Path) -> None:
    source = Clip(codec="ffv1", options={}, pixel_format="yuv422p10le").make(tmp_path / "in.mkv")
    report = do_video(source, tmp_path / "out.mp4", restorer())
    assert "the source has 10 bits a channel; it was restored at 8" in report.notes
    assert order_of(read(tmp_path / "out.mp4")) == list(range(len(STEADY)))


def test_half_the_strength_is_half_the_change_and_says_so(tmp_path: Path, clip: Path) -> None:
    target, removed = tmp_path / "out.mkv", tmp_path / "removed.mkv"
    options, darker = EncodeOptions("ffv1"), restorer(lambda p: np.where(p > 40, p - 40, 0).astype(np.uint8))
    report = do_video(clip, target, darker, options, finish=FinishOptions(strength=0.5), show_removed=removed)
    assert report.strength == 0.5
    before, after, layer = read(clip), read(target), read(removed)
    assert [frame.time for frame in layer] == [frame.time for frame in after] == [frame.time for frame in before]
    bright = before[5].image > 60
    assert np.abs(after[5].image.astype(int) - before[5].image + 20)[bright].mean() < 2
    assert np.abs(layer[5].image.astype(int) - (128 + 10))[bright].mean() < 2
    words = "Restored by Clearway: model fake, version 1, strength 0.5"
    assert comment_of(target) == words
    assert comment_of(removed) == f"What was removed, 128 + half the difference. {words}"
    assert not packets_of_sound(removed)


def packets_of_sound(path: Path) -> list[object]:
    with av.open(str(path)) as container:
        return list(container.streams.audio)


def comment_of(path: Path) -> str:
    with av.open(str(path)) as container:
        return {key.lower(): value for key, value in container.metadata.items()}["comment"]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("made", [".mp4", ".mkv"])
def test_every_restored_video_says_so_beside_what_it_said_before(tmp_path: Path, made: str, suffix: str) -> None:
    source = Clip(metadata={"comment": "Camera 3", "title": "Rain"}).make(tmp_path / f"in{made}")
    once, twice = tmp_path / f"once{suffix}", tmp_path / f"twice{suffix}"
    do_video(source, once, restorer())
    do_video(once, twice, restorer(), finish=FinishOptions(strength=0.25))
    words = "Restored by Clearway: model fake, version 1, strength "
    assert comment_of(once) == f"Camera 3; {words}1"
    assert comment_of(twice) == f"Camera 3; {words}1; {words}0.25"


@pytest.mark.parametrize("strength", [-0.1, 1.5, float("nan")])
def test_a_strength_outside_of_0_to_1(tmp_path: Path, clip: Path, strength: float) -> None:
    with pytest.raises(UsageError, match=r"strength: expected 0 .* to 1 .*, got"):
        do_video(clip, tmp_path / "out.mp4", restorer(), finish=FinishOptions(strength=strength))
    with pytest.raises(UsageError, match="strength"):
        do_picture(picture(tmp_path / "in.png"), tmp_path / "out.png", restorer(), strength=strength)
    assert names(tmp_path) == ["in.mp4", "in.png"]


def test_what_was_removed_needs_a_name_of_its_own(tmp_path: Path, clip: Path) -> None:
    target = tmp_path / "out.mp4"
    with pytest.raises(UsageError, match="expected two names, got one"):
        do_video(clip, target, restorer(), show_removed=tmp_path / "." / "out.mp4")
    with pytest.raises(UsageError, match="the input itself"):
        do_video(clip, target, restorer(), show_removed=clip, overwrite=True)
    with pytest.raises(UsageError, match=r"\.mp4.*, got \.png"):
        do_video(clip, target, restorer(), show_removed=tmp_path / "out.png")
    assert names(tmp_path) == ["in.mp4"]


def test_a_failure_leaves_neither_file(tmp_path: Path, clip: Path) -> None:
    with pytest.raises(BackendError):
        do_video(clip, tmp_path / "out.mp4", failing(7, BackendError("broke")), show_removed=tmp_path / "removed.mp4")
    assert names(tmp_path) == ["in.mp4"]


@pytest.mark.parametrize(("assume", "matrix"), [("bt709", 1), ("bt601-full", 6), ("bt2020", 9)])
def test_assumed_colours_are_written_and_told(tmp_path: Path, clip: Path, assume: str, matrix: int) -> None:
    assumed = AssumedColor.parse(assume)
    report = do_video(clip, tmp_path / "out.mp4", restorer(), read=ReadOptions(assumed))
    assert report.notes == (f"the source does not say its colour matrix, range, primaries, transfer: {Matrix(matrix).name} was assumed",)
    with av.open(str(tmp_path / "out.mp4")) as container:
        frame = next(container.decode(video=0))
    assert (frame.colorspace, frame.color_range) == (matrix, 2 if assume.endswith("full") else 1)
    again = do_video(tmp_path / "out.mp4", tmp_path / "again.mp4", restorer(), read=ReadOptions(AssumedColor.parse("bt709")))
    assert again.notes == ("the source says all of its colour; nothing was assumed",)


def test_interlaced_video_is_named_and_made_whole_on_request(tmp_path: Path) -> None:
    source = Clip(options={"flags": "+ildct+ilme", "preset": "superfast", "qp": "12"}, interlaced=True).make(tmp_path / "in.mp4")
    as_stored = do_video(source, tmp_path / "stored.mp4", restorer())
    assert "the source is interlaced; it was restored as it is stored, without deinterlacing (--deinterlace)" in as_stored.notes
    whole = do_video(source, tmp_path / "whole.mp4", restorer(), read=ReadOptions(deinterlace=True))
    told = f"{len(STEADY)} frames were interlaced in the source; they were deinterlaced before they were restored"
    assert told in whole.notes
    assert [frame.time for frame in read(tmp_path / "whole.mp4")] == [frame.time for frame in read(source)]
    again = do_video(tmp_path / "whole.mp4", tmp_path / "again.mp4", restorer(), read=ReadOptions(deinterlace=True))
    assert "no frame of the source is marked as interlaced; nothing was deinterlaced" in again.notes


def test_high_dynamic_range_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    tags = {"colorspace": 9, "color_primaries": 9, "color_trc": 18, "color_range": 1}
    clip = Clip(codec="libx265", pixel_format="yuv420p10le", options={"x265-params": "log-level=none"}, tags=tags)
    with pytest.raises(SourceError, match=r"got HLG.*ffmpeg -i IN -vf"):
        do_video(clip.make(tmp_path / "in.mp4"), tmp_path / "out.mp4", restorer(), show_removed=tmp_path / "removed.mp4")
    assert names(tmp_path) == ["in.mp4"]


@pytest.mark.parametrize("error", [BackendError("the engine broke"), KeyboardInterrupt()], ids=["backend", "ctrl-c"])
@pytest.mark.parametrize("at", [0, len(STEADY) - 1])
def test_a_failing_network_leaves_nothing(tmp_path: Path, clip: Path, at: int, error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        do_video(clip, tmp_path / "out.mp4", failing(at, error))
    assert names(tmp_path) == ["in.mp4"]
    if isinstance(error, BackendError):
        assert str(caught.value) == f"{clip}, frame {at}: the engine broke"


def test_a_failing_network_names_the_picture(tmp_path: Path) -> None:
    source = picture(tmp_path / "in.png")
    with pytest.raises(BackendError, match=f"^{source}: the engine broke$"):
        do_picture(source, tmp_path / "out.png", failing(0, BackendError("the engine broke")))


def test_a_video_too_small_for_any_network_is_named(tmp_path: Path) -> None:
    source = Clip(size=(8, 8), codec="ffv1", options={}).make(tmp_path / "in.mkv")
    with pytest.raises(SourceError, match=rf"^{source}: expected at least 16×16 pixels, got 8×8"):
        do_video(source, tmp_path / "out.mp4", restorer())
    assert names(tmp_path) == ["in.mkv"]


def test_a_truncated_video_leaves_nothing(tmp_path: Path) -> None:
    source = Clip(container_options={"movflags": "faststart"}).make(tmp_path / "in.mp4")
    source.write_bytes(source.read_bytes()[:-3000])
    with pytest.raises(SourceError, match=r"breaks off after frame \d+"):
        do_video(source, tmp_path / "out.mp4", restorer())
    assert names(tmp_path) == ["in.mp4"]


@pytest.mark.parametrize("free", [0, 4000])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, clip: Path, suffix: str, free: int) -> None:
    with full_disk(free), pytest.raises(SinkError, match=r"expected a file that can be written.*free space") as caught:
        do_video(clip, tmp_path / f"out{suffix}", restorer())
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == ["in.mp4"]


def test_a_picture_is_restored(tmp_path: Path) -> None:
    report = do_picture(picture(tmp_path / "in.png"), tmp_path / "out.png", restorer(lambda p: p + 10))
    assert np.all(cv2.imread(str(tmp_path / "out.png")) == 100)
    assert (report.width, report.height) == (30, 20)


def test_what_a_picture_loses_is_told(tmp_path: Path) -> None:
    exif = b"MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"
    image, chunk = np.full((20, 30, 3), 90, np.uint8), np.frombuffer(exif, np.uint8)
    coded = cv2.imencodeWithMetadata(".jpg", image, [cv2.IMAGE_METADATA_EXIF], [chunk])[1]
    (tmp_path / "in.jpg").write_bytes(coded.tobytes())
    report = do_picture(tmp_path / "in.jpg", tmp_path / "out.jpg", restorer())
    assert report.notes == ("not carried over: what the camera noted (EXIF)",)
    assert do_picture(picture(tmp_path / "plain.png"), tmp_path / "again.jpg", restorer()).notes == ()


def test_a_picture_says_that_it_was_restored(tmp_path: Path) -> None:
    source = picture(tmp_path / "in.png")
    for suffix in (".png", ".jpg", ".webp"):
        target = tmp_path / f"out{suffix}"
        report = do_picture(source, target, restorer(lambda p: p + 10), strength=0.5)
        _, kinds, notes = cv2.imdecodeWithMetadata(np.fromfile(target, np.uint8), cv2.IMREAD_COLOR)
        assert list(kinds) == [cv2.IMAGE_METADATA_EXIF]
        assert b"Restored by Clearway: model fake, version 1, strength 0.5\0" in bytes(notes[0])
        assert report.notes == ()
    report = do_picture(source, tmp_path / "out.bmp", restorer())
    assert report.notes == (".bmp has no place for the words that it was restored (.png, .jpg and .webp have)",)


def test_what_was_removed_from_a_picture(tmp_path: Path) -> None:
    do_picture(picture(tmp_path / "in.png"), tmp_path / "out.png", restorer(lambda p: p - 40), show_removed=tmp_path / "removed.png")
    assert np.all(cv2.imread(str(tmp_path / "removed.png")) == 128 + 20)


def test_pictures_are_not_replaced_unasked(tmp_path: Path) -> None:
    source, target = picture(tmp_path / "in.png"), picture(tmp_path / "out.png", 7)
    with pytest.raises(UsageError, match="the input itself"):
        do_picture(source, source, restorer(), overwrite=True)
    with pytest.raises(UsageError, match="--force"):
        do_picture(source, target, restorer())
    do_picture(source, target, restorer(), overwrite=True)
    assert np.all(cv2.imread(str(target)) == 90)


def test_a_folder_tree_is_mirrored(tmp_path: Path) -> None:
    source = tmp_path / "in"
    picture(source / "a" / "one.png")
    (source / "notes.txt").write_text("not for us")
    (source / "._b.mp4").write_bytes(b"what macOS puts beside a file on a memory card")
    picture(source / ".thumbnails" / "one.png")
    Clip(pts=STEADY[:3]).make(source / "b.mp4")
    Clip(pts=STEADY[:3]).make(source / "c.avi")
    begun: list[str] = []
    report = do_folder(source, tmp_path / "out", restorer(), begins=lambda path: begun.append(path.name))
    assert names(tmp_path / "out") == ["a/one.png", "b.mp4", "c.avi.mkv"]
    assert (len(report.done), report.failed, report.left_alone) == (3, (), 3)
    assert begun == ["one.png", "b.mp4", "c.avi"]
    assert [type(one) is VideoReport for one in report.done] == [False, True, True]


def test_a_folder_that_cannot_be_made_is_said_once(tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        picture(tmp_path / "in" / name)
    with pytest.raises(SinkError, match=r"^/proc/f: expected a folder to write into, got .*; name another one"):
        do_folder(tmp_path / "in", Path("/proc/f"), failing(0, AssertionError("nothing may be restored")))


def test_a_file_where_a_folder_must_be_concerns_only_what_would_be_in_it(tmp_path: Path) -> None:
    for name in ("a/one.png", "two.png"):
        picture(tmp_path / "in" / name)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_text("in the way")
    report = do_folder(tmp_path / "in", tmp_path / "out", restorer())
    assert [Path(one.target).name for one in report.done] == ["two.png"]
    ((_, why),) = report.failed
    assert why.startswith(f"{tmp_path / 'out' / 'a'}: expected a folder to write into")


def test_a_bad_file_does_not_stop_a_folder(tmp_path: Path) -> None:
    source = tmp_path / "in"
    picture(source / "good.png")
    (source / "bad.mp4").write_text("text")
    (source / "empty.png").write_bytes(b"")
    report = do_folder(source, tmp_path / "out", restorer())
    assert names(tmp_path / "out") == ["good.png"]
    assert [Path(path).name for path, _ in report.failed] == ["bad.mp4", "empty.png"]
    assert all("\n" not in why for _, why in report.failed)


@pytest.mark.parametrize(
    ("target", "message"),
    [("in/out", "outside of the input"), ("in", "outside of the input"), ("there", r"exists already.*--force")],
)
def test_folders_that_do_not_go_together(tmp_path: Path, target: str, message: str) -> None:
    picture(tmp_path / "in" / "one.png")
    picture(tmp_path / "there" / "one.png")
    with pytest.raises(UsageError, match=message):
        do_folder(tmp_path / "in", tmp_path / target, restorer())


def test_two_files_are_never_restored_into_one(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.mpg", "a.mpg.mkv"):
        (tmp_path / "in" / name).write_bytes(b"never looked into")
    with pytest.raises(UsageError, match=r"a\.mpg\.mkv: .*out/a\.mpg\.mkv, which .*in/a\.mpg becomes too; rename"):
        do_folder(tmp_path / "in", tmp_path / "out", restorer(), overwrite=True)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_read_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(tmp_path / "in" / "one.png")
    for name in ("closed", ".closed"):
        picture(tmp_path / "in" / name / "two.png")
    look = os.scandir

    def refuse(path: str) -> object:
        if Path(path).name.endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return look(path)

    monkeypatch.setattr(os, "scandir", refuse)
    report = do_folder(tmp_path / "in", tmp_path / "out", restorer())
    assert len(report.done) == 1
    ((path, why),) = report.failed
    assert path == str(tmp_path / "in" / "closed")
    assert "expected a folder that can be read, got Permission denied" in why


def test_a_second_video_stream_is_told_of(tmp_path: Path) -> None:
    source = Clip(second_video=True).make(tmp_path / "in.mkv")
    report = do_video(source, tmp_path / "out.mkv", restorer())
    assert "1 further video stream was copied as it is: only the first is restored" in report.notes


def test_an_empty_folder_is_wrong_use(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(UsageError, match="got a folder without any"):
        do_folder(tmp_path / "in", tmp_path / "out", restorer())


def test_a_text_file_as_a_picture(tmp_path: Path) -> None:
    (tmp_path / "in.png").write_text("text")
    with pytest.raises(PictureError):
        do_picture(tmp_path / "in.png", tmp_path / "out.png", restorer())
    assert names(tmp_path) == ["in.png"]
