"""Going on: whatever ended a restore, what lies there plays, and --resume ends with what an undisturbed run gives."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import pytest

from benchmarks.measure.video.crash import CrashRun, KillOutcome, contents, kill, playable, restore
from runtime.errors import BackendError, SinkError, SourceError, UsageError
from tests.support.files import full_disk, names
from tests.support.tiny import make_bundle
from tests.support.video.clips import STEADY, Clip, moving
from tests.support.video.restoring import do_folder, do_video, failing, picture, restorer
from video.files.encoding import EncodeOptions
from video.files.part import UnfinishedPart, part_of
from video.files.reading import ReadOptions
from video.files.sources.pipe import PIPE
from video.finish.finish import FinishOptions
from video.restore.report import VideoReport

LONG = tuple(range(0, 100 * 512, 512))
OFTEN = {"preset": "superfast", "bf": "2", "qp": "12", "g": "10"}
# Seven to thirty frames a second from 1.4 s on, in ticks that are neither milliseconds nor twenty-fifths of a second.
VARIABLE = tuple(130_001 + sum((3003, 12_000, 3003, 9000, 3750, 4000)[n % 6] for n in range(index)) for index in range(70))
WORDS = "what is finished so far, which plays; continue it: --resume (resume=True in Python)"


class Stopped(Exception):
    pass


def stopping(at: int) -> Callable[[int, int | None], None]:
    def progress(done: int, _announced: int | None) -> None:
        if done >= at:
            raise Stopped

    return progress


def stop(source: Path, target: Path, at: int = 60, **asked: Any) -> Stopped:
    with pytest.raises(Stopped) as caught:
        do_video(source, target, restorer(lambda p: 255 - p), progress=stopping(at), **asked)
    return caught.value


def go_on(source: Path, target: Path, **asked: Any) -> VideoReport:
    return do_video(source, target, restorer(lambda p: 255 - p), resume=True, **asked)


def whole(source: Path, target: Path, **asked: Any) -> Path:
    """What an undisturbed run gives."""
    do_video(source, target, restorer(lambda p: 255 - p), **asked)
    return target


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return Clip(pts=LONG, audio="aac").make(tmp_path / "in.mp4")


def test_killed_at_random_moments(tmp_path: Path, clip: Path) -> None:
    """`python -m benchmarks.measure.video.crash` does it more often, and with a real network."""
    job = CrashRun(clip, tmp_path / "out.mp4", str(make_bundle(tmp_path / "model", "brighten")), "onnxruntime")
    restore(job)
    expected, chance, seen = contents(job.target), random.Random(6), list[KillOutcome]()
    while len(seen) < 8:
        job.target.unlink(missing_ok=True)
        resume = part_of(job.target).exists()
        killed = kill(job, chance.randrange(len(LONG)), chance.uniform(0, 0.01), resume=resume)
        if killed is None:
            continue
        seen.append(killed)
        assert killed.said - killed.playable <= 25, "no more than a segment is lost"
        if len(seen) % 2 == 0:
            restore(job, resume=True)
            assert contents(job.target) == expected
            assert [name for name in names(tmp_path) if "out" in name] == ["out.mp4"]
    assert any(killed.playable for killed in seen), "at least one came after the first second"


@pytest.mark.parametrize(("suffix", "encoder"), [(".mp4", "h264"), (".mp4", "ffv1"), (".mkv", "h265"), (".mov", "prores"), (".mkv", "av1")])
def test_the_result_is_that_of_an_undisturbed_run(tmp_path: Path, clip: Path, suffix: str, encoder: str) -> None:
    target, options = tmp_path / f"out{suffix}", EncodeOptions(encoder)
    expected = contents(whole(clip, tmp_path / f"whole{suffix}", options=options))
    error = stop(clip, target, options=options)
    part = part_of(target)
    assert part.name == f"out.unfinished{suffix}"
    assert error.__notes__ == [f"{part}: {WORDS}"]
    assert playable(part) >= 50
    report = go_on(clip, target, options=options)
    assert contents(target) == expected
    assert report.frames == len(LONG)
    assert report.notes[0].startswith("continued after 50 frames;")
    assert names(tmp_path) == ["in.mp4", target.name, f"whole{suffix}"]


def with_subtitles(source: Path, target: Path, first: int) -> Path:
    """A line from that millisecond on, and one a second later."""
    with av.open(str(source)) as container, av.open(str(target), "w") as out:
        copies = {stream.index: out.add_stream_from_template(stream, opaque=True) for stream in container.streams}
        lines = out.add_mux_stream("subrip" if target.suffix == ".mkv" else "mov_text")
        lines.time_base = Fraction(1, 1000)
        out.start_encoding()
        for begin in (first, first + 1000):
            said: av.Packet[Any] = av.Packet(b"rain" if target.suffix == ".mkv" else b"\0\4rain")
            said.stream, said.pts, said.dts, said.duration, said.time_base = lines, begin, begin, 500, Fraction(1, 1000)
            out.mux(said)
        for packet in container.demux():
            if packet.size:
                packet.stream = copies[packet.stream_index]
                out.mux(packet)
    return target


def times(path: Path) -> list[Fraction]:
    """Of the video."""
    return [time for stream, time, _ in contents(path) if stream == 0]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_with_everything_that_a_file_may_have(tmp_path: Path, suffix: str) -> None:
    clip = Clip(pts=VARIABLE, time_base=Fraction(1, 90000), options=OFTEN, audio="aac", audio_start=60_000, metadata={"title": "Rain"})
    source = with_subtitles(clip.make(tmp_path / "clip.mp4"), tmp_path / f"in{suffix}", 2500)
    expected = whole(source, tmp_path / f"whole{suffix}")
    target = tmp_path / f"out{suffix}"
    stop(source, target, 55)
    report = go_on(source, target)
    assert contents(target) == contents(expected)
    assert len({stream for stream, _, _ in contents(target)}) == 3
    assert times(target) == times(source)
    assert report.notes[0].startswith("continued after")
    if suffix == ".mp4":
        assert target.read_bytes() == expected.read_bytes()


def test_wherever_the_file_was_cut_off(tmp_path: Path, clip: Path) -> None:
    expected, target = contents(whole(clip, tmp_path / "whole.mp4")), tmp_path / "out.mp4"
    stop(clip, target, 90)
    part, words = part_of(target), part_of(target).with_name("out.unfinished.mp4.json")
    kept, said, chance = part.read_bytes(), words.read_text(), random.Random(1)
    for size in [0, *(chance.randrange(len(kept)) for _ in range(6))]:
        part.write_bytes(kept[:size])
        words.write_text(said)
        go_on(clip, target)
        assert contents(target) == expected, f"cut to {size} of {len(kept)} bytes"
        target.unlink()


def test_with_less_flicker_and_blended_with_what_was_removed(tmp_path: Path, clip: Path) -> None:
    """Both files go on at the end of the shorter one."""
    asked = {"finish": FinishOptions(strength=0.5, reduce_flicker=True), "options": EncodeOptions("ffv1")}
    whole(clip, tmp_path / "whole.mp4", show_removed=tmp_path / "layer.mkv", **asked)
    target, removed = tmp_path / "out.mp4", tmp_path / "removed.mkv"
    error = stop(clip, target, 90, show_removed=removed, **asked)
    assert error.__notes__ == [f"{part_of(target)} and {part_of(removed)}: {WORDS}"]
    part = part_of(removed)
    part.write_bytes(part.read_bytes()[: part.stat().st_size // 2])
    report = go_on(clip, target, show_removed=removed, **asked)
    assert report.notes[0].startswith("continued after 25 frames;")
    assert contents(target) == contents(tmp_path / "whole.mp4")
    assert contents(removed) == contents(tmp_path / "layer.mkv")


def test_killed_again_while_it_catches_up(tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the new file has all of the earlier part, that one stays."""
    expected, target = contents(whole(clip, tmp_path / "whole.mp4")), tmp_path / "out.mp4"
    stop(clip, target, 80)
    before = part_of(target).read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(UnfinishedPart, "caught_up", lambda self: (_ for _ in ()).throw(Stopped))
        with pytest.raises(Stopped):
            go_on(clip, target)
    assert part_of(target).read_bytes() == before
    go_on(clip, target)
    assert contents(target) == expected


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_full_disk_costs_the_last_segment(tmp_path: Path, clip: Path, suffix: str) -> None:
    expected, target = contents(whole(clip, tmp_path / f"whole{suffix}")), tmp_path / f"out{suffix}"
    size = (tmp_path / f"whole{suffix}").stat().st_size
    with full_disk(size * 3 // 4), pytest.raises(SinkError, match=r"can be written, got File too large; check the disk's free") as caught:
        whole(clip, target)
    assert caught.value.__notes__ == [f"{part_of(target)}: {WORDS}"]
    report = go_on(clip, target)
    assert report.notes[0].startswith("continued after")
    assert contents(target) == expected


def test_a_folder_that_takes_no_files(clip: Path) -> None:
    with pytest.raises(SinkError, match=r"^/proc/out\.mp4: expected a file that can be written, got No such file or directory"):
        do_video(clip, Path("/proc/out.mp4"), restorer())


@pytest.mark.parametrize("error", [BackendError("the engine broke"), KeyboardInterrupt(), SystemExit(143)])
def test_whatever_ends_it_leaves_what_is_whole(tmp_path: Path, clip: Path, error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        do_video(clip, tmp_path / "out.mp4", failing(70, error))
    assert caught.value.__notes__ == [f"{part_of(tmp_path / 'out.mp4')}: {WORDS}"]
    assert playable(part_of(tmp_path / "out.mp4")) >= 50


def test_a_source_that_breaks_off(tmp_path: Path) -> None:
    source = Clip(pts=LONG, container_options={"movflags": "faststart"}).make(tmp_path / "in.mp4")
    source.write_bytes(source.read_bytes()[:-3000])
    with pytest.raises(SourceError, match=r"breaks off after frame \d+") as caught:
        do_video(source, tmp_path / "out.mp4", restorer())
    assert caught.value.__notes__ == [f"{part_of(tmp_path / 'out.mp4')}: {WORDS}"]


def test_a_part_is_not_replaced_unasked(tmp_path: Path, clip: Path) -> None:
    target = tmp_path / "out.mp4"
    stop(clip, target)
    before = part_of(target).read_bytes()
    with pytest.raises(UsageError, match=r"expected no unfinished part of out\.mp4, got one; continue it: --resume .* or begin .*--force"):
        whole(clip, target)
    assert part_of(target).read_bytes() == before
    report = do_video(clip, target, restorer(lambda p: 255 - p), overwrite=True)
    assert report.frames == len(LONG)
    assert not report.notes[0].startswith("gone on")
    assert names(tmp_path) == ["in.mp4", "out.mp4"]


def test_what_was_to_be_replaced_is_replaced_in_the_end(tmp_path: Path, clip: Path) -> None:
    target = tmp_path / "out.mp4"
    target.write_text("old")
    error = stop(clip, target, overwrite=True)
    assert error.__notes__[0].endswith("and replace out.mp4 in the end: --resume --force (resume=True, overwrite=True in Python)")
    with pytest.raises(UsageError, match="exists already"):
        go_on(clip, target)
    assert target.read_text() == "old"
    assert go_on(clip, target, overwrite=True).notes[0].startswith("continued after 50 frames;")
    assert contents(target) == contents(whole(clip, tmp_path / "whole.mp4"))


@pytest.mark.parametrize(
    ("asked", "differs"),
    [
        ({"finish": FinishOptions(strength=0.5)}, "strength '1' then, '0.5' now"),
        ({"finish": FinishOptions(reduce_flicker=True)}, "steady 'False' then, 'True' now"),
        ({"options": EncodeOptions(quality=70)}, "encoder 'h264 superfast, quality 60' then, 'h264 superfast, quality 70' now"),
        ({"read": ReadOptions(deinterlace=True)}, "deinterlace 'False' then, 'True' now"),
    ],
)
def test_a_part_that_was_made_otherwise(tmp_path: Path, clip: Path, asked: dict[str, Any], differs: str) -> None:
    target = tmp_path / "out.mp4"
    stop(clip, target)
    with pytest.raises(UsageError, match="expected a part of this job") as caught:
        go_on(clip, target, **asked)
    assert f"({differs}); ask for the same, or begin from the start: --force" in str(caught.value)
    assert part_of(target).exists()


def test_a_part_of_another_source_or_model(tmp_path: Path, clip: Path) -> None:
    target, other = tmp_path / "out.mp4", restorer()
    stop(clip, target)
    other.manifest.files["model.onnx"] = "1"
    with pytest.raises(UsageError, match=r"model 'fake 1 0' then, 'fake 1 1' now"):
        do_video(clip, target, other, resume=True)
    changed = Clip(pts=LONG, metadata={"title": "another"}).make(tmp_path / "in.mp4")
    with pytest.raises(UsageError, match=r"source '\d+ bytes \w+' then, '\d+ bytes \w+' now"):
        go_on(changed, target)


def test_a_part_of_which_nothing_is_known(tmp_path: Path, clip: Path) -> None:
    target = tmp_path / "out.mp4"
    stop(clip, target)
    part_of(target).with_name("out.unfinished.mp4.json").write_text("{")
    with pytest.raises(UsageError, match=r"\.mp4\.json: expected what .* was made from, got a file that cannot be read; begin .*--force"):
        go_on(clip, target)


def test_a_part_is_not_restored_onto_itself(tmp_path: Path, clip: Path) -> None:
    source = clip.rename(tmp_path / "out.unfinished.mp4")
    before = source.read_bytes()
    for resume, overwrite in ((False, False), (True, False), (False, True)):
        with pytest.raises(UsageError, match="an input that is not its own unfinished part"):
            do_video(source, tmp_path / "out.mp4", restorer(), resume=resume, overwrite=overwrite)
    assert source.read_bytes() == before


def test_only_one_process_writes_a_part(tmp_path: Path, clip: Path) -> None:
    target = tmp_path / "out.mp4"
    with UnfinishedPart(target, {}, resume=False, overwrite=False):
        for resume in (False, True):
            with pytest.raises(UsageError, match=r"out\.unfinished\.mp4: expected a file that no other process writes"):
                do_video(clip, target, restorer(), resume=resume)
    assert names(tmp_path) == ["in.mp4"]
    assert whole(clip, target).exists()


def test_nothing_to_go_on_with(tmp_path: Path, clip: Path) -> None:
    report = go_on(clip, tmp_path / "out.mp4")
    assert report.notes[0] == "there was nothing to continue (--resume): it was restored from the start"
    assert report.frames == len(LONG)
    with pytest.raises(UsageError, match="exists already"):
        go_on(clip, tmp_path / "out.mp4")


def test_a_folder_goes_on(tmp_path: Path, clip: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    (source / "a").mkdir(parents=True)
    picture(source / "a" / "one.png")
    (source / "c.unfinished.mp4").write_text("somebody's own, that nobody asked to restore")
    Clip(pts=STEADY).make(source / "b.mp4")
    shutil.copy(clip, source / "c.mp4")
    Clip(pts=STEADY).make(source / "d.mp4")
    expected = contents(whole(clip, tmp_path / "whole.mp4"))
    with pytest.raises(Stopped):  # in c, the only one that is as long
        do_folder(source, target, restorer(lambda p: 255 - p), progress=stopping(60))
    assert names(target) == ["a/one.png", "b.mp4", "c.unfinished.mp4", "c.unfinished.mp4.json"]
    complete = [(target / name).stat().st_mtime_ns for name in ("a/one.png", "b.mp4")]
    with pytest.raises(UsageError, match=r"expected no unfinished part of c\.mp4, got one"):
        do_folder(source, target, restorer())
    with pytest.raises(UsageError, match="leave one of them out"):
        do_folder(source, target, restorer(), resume=True, overwrite=True)
    report = do_folder(source, target, restorer(lambda p: 255 - p), resume=True)
    assert ([Path(one.target).name for one in report.done], report.there) == (["c.mp4", "d.mp4"], 2)
    assert report.done[0].notes[0].startswith("continued after 50 frames;")
    assert not any("nothing to continue" in note for note in report.done[1].notes)
    assert contents(target / "c.mp4") == expected
    assert [(target / name).stat().st_mtime_ns for name in ("a/one.png", "b.mp4")] == complete
    assert names(target) == ["a/one.png", "b.mp4", "c.mp4", "d.mp4"]


def test_a_failure_in_a_folder_says_how_to_go_on(tmp_path: Path, clip: Path) -> None:
    (tmp_path / "in").mkdir()
    clip.rename(tmp_path / "in" / "c.mp4")
    report = do_folder(tmp_path / "in", tmp_path / "out", failing(70, BackendError("the engine broke")))
    ((_, why),) = report.failed
    assert why.endswith(f"the engine broke; {tmp_path / 'out' / 'c.unfinished.mp4'}: {WORDS}")


def test_numbered_pictures_into_a_file(tmp_path: Path) -> None:
    for number in range(7, 7 + len(LONG)):
        cv2.imwrite(str(tmp_path / f"{number:04d}.png"), moving(number, 96, 64))
    source, read_at = tmp_path / "%04d.png", ReadOptions(rate=Fraction(25))
    expected, target = contents(whole(source, tmp_path / "whole.mp4", read=read_at)), tmp_path / "out.mp4"
    stop(source, target, read=read_at)
    assert go_on(source, target, read=read_at).notes[0].startswith("continued after 50 frames;")
    assert contents(target) == expected


def test_what_cannot_be_gone_on_with(tmp_path: Path, clip: Path) -> None:
    for source, target in ((PIPE, tmp_path / "out.mp4"), (clip, PIPE), (clip, tmp_path / "%d.png")):
        with pytest.raises(UsageError, match=r"--resume: expected a file or numbered pictures that become a file"):
            do_video(source, target, restorer(), resume=True)
