"""`clearway restore`: with a real engine and a tiny bundle, from the arguments to the file and what is printed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from runtime.backends.onnxruntime import OnnxRuntimeBackend
from runtime.errors import BackendError, SinkError, SourceError, UsageError
from runtime.files.pictures import read_picture
from runtime.picture import Picture, Tensors
from runtime.restorer import load
from tests.support.terminal import Terminal
from tests.support.tiny import make_bundle
from tests.support.video.clips import STEADY, Clip, moving, order_of, packets, read
from video.cli import ProgressBar, bar_line, run
from video.files.sources.file import open_video


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    return str(make_bundle(tmp_path / "model", "brighten"))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return Clip(audio="aac").make(tmp_path / "in.mp4")


def restore(source: Path, target: Path, bundle: str, *more: str) -> int:
    return run("restore", [str(source), "-o", str(target), "--model", bundle, "--backend", "onnxruntime", *more])


def test_a_video(tmp_path: Path, clip: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert restore(clip, tmp_path / "out.mp4", bundle) == 0
    before, after = read(clip), read(tmp_path / "out.mp4")
    assert [frame.time for frame in after] == [frame.time for frame in before]
    assert order_of(before) == list(range(len(STEADY)))
    expected = np.stack([frame.image for frame in before]).clip(0, 245) + 10.0
    assert np.abs(np.stack([frame.image for frame in after]) - expected).mean() < 4, "the bundle adds 10 levels"
    assert packets(tmp_path / "out.mp4", "audio") == packets(clip, "audio")
    out, err = capsys.readouterr()
    assert "tiny on " in err, "which engine, and why"
    assert f"{len(STEADY)} frames in" in out
    assert "decode" in out
    assert "encode" in out
    assert "\r" not in err, "no progress bar where nobody looks"


def test_everything_that_may_be_asked(tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    interlaced = {"flags": "+ildct+ilme", "preset": "superfast", "qp": "4"}
    source = Clip(options=interlaced, interlaced=True).make(tmp_path / "in.mp4")
    asked = ["--strength", "0.5", "--show-removed", str(tmp_path / "removed.mkv"), "--assume-color", "bt709", "--deinterlace", "--json"]
    coded = ["--encoder", "av1", "--quality", "80", "--preset", "ultrafast"]
    assert restore(source, tmp_path / "out.mkv", bundle, *asked, *coded) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["strength"] == 0.5
    assert any("BT709 was assumed" in note for note in report["notes"])
    assert any("were deinterlaced" in note for note in report["notes"])
    with open_video(tmp_path / "out.mkv") as after:
        assert (after.info.codec, after.info.color.matrix.name) == ("av1", "BT709")
    removed = np.stack([frame.image for frame in read(tmp_path / "removed.mkv")])
    assert np.abs(removed - (128 - 2.5)).mean() < 2, "the bundle adds 10 levels, half of them are written, and coded by half"


def through(words: list[str], stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """`clearway restore` as a program of its own, between two pipes."""
    return subprocess.run([sys.executable, "-m", "clearway", "restore", *words], input=stdin, capture_output=True, check=False)


def test_a_pipe_in_and_out(tmp_path: Path, clip: Path, bundle: str) -> None:
    model = ["--model", bundle, "--backend", "onnxruntime"]
    first = through([str(clip), "-o", "-", *model, "--json"])
    report = json.loads(first.stderr.splitlines()[-1])
    assert report["frames"] == len(STEADY)
    assert any("not carried over: audio streams" in note for note in report["notes"])
    assert first.stdout.startswith(b"YUV4MPEG2 W96 H64 F25:1 "), "nothing but the video"
    assert through(["-", "-o", str(tmp_path / "out.mkv"), *model, "--quiet"], first.stdout).returncode == 0
    before, after = read(clip), read(tmp_path / "out.mkv")
    assert [frame.time for frame in after] == [frame.time for frame in before]
    expected = np.stack([frame.image for frame in before]).clip(0, 235) + 20.0
    assert np.abs(np.stack([frame.image for frame in after]) - expected).mean() < 4, "restored twice"
    cut = through(["-", "-o", str(tmp_path / "cut.mkv"), *model, "--quiet"], first.stdout[:-9])
    assert (cut.returncode, cut.stderr.count(b"\n")) == (1, 1)
    assert b"got a stream that ends inside of one" in cut.stderr
    assert not (tmp_path / "cut.mkv").exists()


def test_what_was_removed_may_go_through_a_pipe(tmp_path: Path, clip: Path, bundle: str) -> None:
    done = through([str(clip), "-o", str(tmp_path / "out.mp4"), "--show-removed", "-", "--model", bundle, "--backend", "onnxruntime"])
    size, header = 96 * 64 * 3 // 2 + len(b"FRAME\n"), done.stdout.index(b"\n") + 1
    assert (len(done.stdout) - header, done.returncode) == (len(STEADY) * size, 0), "nothing but the video"


def test_sound_comes_through_a_pipe(tmp_path: Path, bundle: str) -> None:
    source = Clip(audio="flac").make(tmp_path / "in.mkv")
    words = ["-", "-o", str(tmp_path / "out.mkv"), "--model", bundle, "--backend", "onnxruntime", "--quiet"]
    assert through(words, source.read_bytes()).returncode == 0
    assert packets(tmp_path / "out.mkv", "audio") == packets(source, "audio")


def test_a_terminal_gets_no_video(tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", Terminal())
    with pytest.raises(UsageError, match="got a terminal; add > FILE"):
        restore(clip, Path("-"), "no model is needed to say so")


def test_raw_frames_in_and_out(bundle: str) -> None:
    pictures = np.stack([moving(index, 97, 63) for index in range(5)])
    words = ["-", "-o", "-", "--raw", "97x63:bgr24", "--fps", "25", "--model", bundle, "--backend", "onnxruntime", "--quiet"]
    done = through(words, pictures.tobytes())
    assert done.stderr == b""
    assert np.array_equal(np.frombuffer(done.stdout, np.uint8).reshape(pictures.shape), pictures.clip(0, 245) + 10)


def test_a_reader_that_goes_away_is_no_error(clip: Path, bundle: str) -> None:
    words = [
        sys.executable,
        "-m",
        "clearway",
        "restore",
        str(clip),
        "-o",
        "-",
        "--model",
        bundle,
        "--backend",
        "onnxruntime",
        "--quiet",
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.close()
        assert program.stderr.read() == b""
        assert program.wait() == 141, "128 + SIGPIPE, as of other programs"


def test_numbered_pictures_in_and_out(tmp_path: Path, bundle: str) -> None:
    for number in range(7, 12):
        cv2.imwrite(str(tmp_path / f"{number:04d}.png"), moving(number, 96, 64).clip(0, 245))
    (tmp_path / "out").mkdir()
    assert restore(tmp_path / "%04d.png", tmp_path / "out", bundle, "--fps", "30000/1001", "--quiet") == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"{number:04d}.png" for number in range(7, 12)]
    assert np.array_equal(np.asarray(cv2.imread(str(tmp_path / "out" / "0009.png"))), moving(9, 96, 64).clip(0, 245) + 10)
    assert restore(tmp_path / "%04d.png", tmp_path / "out.mp4", bundle, "--fps", "30000/1001", "--quiet") == 0
    assert [frame.time for frame in read(tmp_path / "out.mp4")] == [Fraction(1001 * index, 30000) for index in range(5)]


def test_a_folder_in_another_container(tmp_path: Path, bundle: str) -> None:
    (tmp_path / "in").mkdir()
    Clip(pts=STEADY[:3]).make(tmp_path / "in" / "one.mov")
    assert restore(tmp_path / "in", tmp_path / "out", bundle, "--encoder", "ffv1", "--quiet") == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["one.mov.mkv"], "MOV cannot hold FFV1"


def test_json_is_one_line(tmp_path: Path, clip: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert restore(clip, tmp_path / "out.mp4", bundle, "--json", "--quiet") == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert out.count("\n") == 1
    assert err == ""
    assert (report["frames"], report["model"], report["source_fps"]) == (len(STEADY), "tiny", 25.0)
    assert set(report["stages"]["restore"]) == {"count", "mean_ms", "p50_ms", "p95_ms", "p99_ms"}


def test_flicker_is_reduced_and_measured_when_asked(tmp_path: Path, clip: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert restore(clip, tmp_path / "out.mp4", bundle, "--reduce-flicker", "--flicker") == 0
    out = capsys.readouterr().out
    assert "flicker, grey levels: source" in out
    assert "flicker reduction " in out
    assert restore(clip, tmp_path / "plain.mp4", bundle, "--json") == 0
    plain = json.loads(capsys.readouterr().out)
    assert (plain["steady"], plain["flicker"]) == (False, None), "neither costs anything unasked"
    (tmp_path / "in").mkdir()
    shutil.copy(clip, tmp_path / "in" / "a.mp4")
    assert restore(tmp_path / "in", tmp_path / "folder", bundle, "--steady", "--flicker", "--json") == 0
    (one,) = json.loads(capsys.readouterr().out)["done"]
    assert one["steady"]
    assert set(one["flicker"]) == {"source", "result", "pairs", "compared"}


def test_going_on(tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clip, target = Clip(pts=range(0, 60 * 512, 512)).make(tmp_path / "in.mp4"), tmp_path / "out.mp4"

    def interrupted(bar: ProgressBar, done: int, _announced: int | None) -> None:
        if done > 40:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ProgressBar, "show", interrupted)
        with pytest.raises(KeyboardInterrupt):
            restore(clip, target, bundle)
    with pytest.raises(UsageError, match="continue it: --resume"):
        restore(clip, target, "no model is needed to say so")
    capsys.readouterr()
    assert restore(clip, target, bundle, "--resume", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["frames"], len(read(target))) == (60, 60)
    assert report["notes"][0].startswith("continued after 25 frames;")
    assert report["stages"]["restore"]["count"] == 35


def test_into_a_folder_that_is_there(tmp_path: Path, clip: Path, bundle: str) -> None:
    (tmp_path / "done").mkdir()
    assert restore(clip, tmp_path / "done", bundle, "--quiet") == 0
    assert (tmp_path / "done" / "in.mp4").exists()
    source = Clip(pts=STEADY[:3]).make(tmp_path / "old.avi")
    assert restore(source, tmp_path / "done", bundle, "--quiet") == 0
    assert (tmp_path / "done" / "old.avi.mkv").exists(), "named as in a folder that is restored whole"


def test_a_picture_and_a_folder(tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "one.png"), np.full((20, 31, 3), 90, np.uint8))
    assert restore(tmp_path / "in" / "one.png", tmp_path / "one.png", bundle) == 0
    assert np.all(cv2.imread(str(tmp_path / "one.png")) == 100)
    (tmp_path / "in" / "two.png").write_text("not a picture")
    assert restore(tmp_path / "in", tmp_path / "out", bundle) == 1, "one of them failed"
    out, err = capsys.readouterr()
    assert np.all(cv2.imread(str(tmp_path / "out" / "one.png")) == 100)
    assert "1 restored, 1 failed" in out
    assert err.count("two.png") == 1


def test_the_guard_stops_or_says_what_was_repaired(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = str(make_bundle(tmp_path / "coarse", "coarse"))
    with load(bundle, "openvino") as restorer:
        if restorer.facts.precision == "fp32":
            pytest.skip("this CPU computes no bf16, so nothing is wrong")
    ramp = np.broadcast_to(np.linspace(20, 200, 31)[None, :, None], (20, 31, 3)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "one.png"), ramp)
    words = [str(tmp_path / "one.png"), "-o", str(tmp_path / "out.png"), "--model", bundle, "--backend", "openvino", "--guard"]
    with pytest.raises(BackendError, match=r"one\.png: tiny: what the network gave for picture 0 cannot be right"):
        run("restore", [*words, "strict"])
    assert not (tmp_path / "out.png").exists()
    assert run("restore", [*words, "repair"]) == 0
    assert np.all(cv2.imread(str(tmp_path / "out.png")) == ramp)
    assert "note: 1 picture that came out wrong was run again in FP32" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "target", "more", "kind", "message"),
    [
        ("nothing.mp4", "out.mp4", [], SourceError, "expected a video, a picture or a folder, got nothing"),
        ("in.mp4", "in.mp4", ["--force"], UsageError, "the input itself"),
        ("in.mp4", "out.mp4", ["--quality", "101"], UsageError, "expected 0 to 100 .*, got 101; leave it out"),
        ("in.mp4", "out.mp4", ["--encoder", "vp8"], UsageError, "expected one of h264, h265, .*, got 'vp8'"),
        ("in.mp4", "out.mp4", ["--encoder", "prores"], UsageError, r"expected .*\.mov or \.mkv, got \.mp4, which cannot"),
        ("in.mp4", "out.mp4", ["--strength", "2"], UsageError, "expected 0 .the source. to 1 .*, got 2"),
        ("in.mp4", "out.mp4", ["--assume-color", "rgb"], UsageError, "expected one of bt601, .*, got 'rgb'"),
        ("in.mp4", "out.mp4", ["--show-removed", "out.mp4"], UsageError, "expected two names, got one"),
        ("in.mp4", "out.mp4", ["--fps", "25"], UsageError, "--fps: .* has times of its own"),
        ("in.mp4", "out.mp4", ["--raw", "64x64"], UsageError, r"--raw: expected standard input \(-\), got "),
        ("in.mp4", "%d.png", ["--quality", "90"], UsageError, "expected no encoder, quality or preset"),
        ("in.mp4", "%d.gif", [], UsageError, r", got \.gif"),
        ("%d.jpg", "out.mp4", [], UsageError, "got none; add --fps"),
        ("in", "out", ["--show-removed", "removed.mp4"], UsageError, "--show-removed: expected a video or a picture, got the folder"),
        ("in.mp4", "out.wmv", [], UsageError, r", got \.wmv"),
        ("in.mp4", "out.mp4", ["--model", "deraim"], UsageError, "deraim"),
        ("in.mp4", "nowhere/out.mp4", [], SinkError, "make it first"),
        ("in.mp4", "model/model.onnx", [], UsageError, r"\.mp4.*, got \.onnx"),
        ("one.png", "out.mp4", [], UsageError, r"\.png.*, got \.mp4"),
        ("one.png", "out.xyz", [], UsageError, r", got \.xyz"),
        ("one.png", "out", [], UsageError, ", got no ending"),
        ("one.png", "out.png", ["--resume"], UsageError, "--resume: expected a video or a folder, got the picture"),
        ("in.mp4", "%d.png", ["--resume"], UsageError, "--resume: expected a file or numbered pictures"),
        ("in", "out", ["--resume", "--force"], UsageError, "leave one of them out"),
        ("one.png", "one.png", ["--force"], UsageError, "the input itself"),
        ("one.png", "two.png", [], UsageError, "exists already.*--force"),
        ("one.png", "nowhere/out.png", [], SinkError, "make it first"),
        ("in", "/proc/f", [], SinkError, "^/proc/f: expected a folder to write into, got .*name another one"),
    ],
)
def test_wrong_use(
    tmp_path: Path, clip: Path, bundle: str, source: str, target: str, more: list[str], kind: type[Exception], message: str
) -> None:
    (tmp_path / "in").mkdir()
    for name in ("one.png", "two.png", "in/three.png"):
        cv2.imwrite(str(tmp_path / name), np.full((20, 31, 3), 90, np.uint8))
    more = [str(tmp_path / word) if more[i - 1] == "--show-removed" else word for i, word in enumerate(more)]
    before = sorted(path.name for path in tmp_path.iterdir())
    if "--model" not in more:
        shutil.rmtree(bundle)  # all of it is said before the seconds that loading a model takes
        before.remove("model")
    with pytest.raises(kind, match=message) as caught:
        restore(tmp_path / source, tmp_path / target, bundle, *more)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_tiles(tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "one.png"
    picture = np.random.default_rng(0).integers(0, 246, (70, 90, 3), np.uint8)
    cv2.imwrite(str(source), picture)
    sizes: list[tuple[int, ...]] = []
    unseen = OnnxRuntimeBackend.run

    def seen(self: OnnxRuntimeBackend, frames: Picture, into: Tensors | None = None) -> Tensors:
        sizes.append(frames.shape)
        return unseen(self, frames, into)

    monkeypatch.setattr(OnnxRuntimeBackend, "run", seen)
    for tile in ("40", "auto", "none"):
        assert restore(source, tmp_path / f"{tile}.png", bundle, "--tile", tile) == 0
        assert np.array_equal(read_picture(tmp_path / f"{tile}.png"), picture + 10)
    assert sizes == [(1, 35, 30, 3)] * 6 + [(1, 70, 90, 3)] * 2
    with pytest.raises(UsageError, match="tiles of at least 16 pixels"):
        restore(source, tmp_path / "small.png", bundle, "--tile", "15")
    for wrong in ("large", "-4", "1.5"):
        with pytest.raises(SystemExit) as caught:
            restore(source, tmp_path / "wrong.png", bundle, f"--tile={wrong}")
        assert caught.value.code == 2
        assert f"expected auto, none, or the longest side of a tile in pixels, got '{wrong}'; use --tile auto" in capsys.readouterr().err


def test_a_mistyped_model_leaves_no_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "one.png"), np.full((20, 31, 3), 90, np.uint8))
    with pytest.raises(UsageError, match="deraim"):
        restore(tmp_path / "in", tmp_path / "new" / "out", "deraim")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_terminal_sees_the_bar_and_is_left_clean(tmp_path: Path, clip: Path, bundle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    assert restore(clip, tmp_path / "out.mp4", bundle) == 0
    assert f"{len(STEADY)}/{len(STEADY)}" in terminal.getvalue()
    assert terminal.screen()[-1] == ""


def test_steps_are_lines_where_nobody_looks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        with ProgressBar() as bar:
            for step in ("drawing", "restoring"):
                for done in range(3):
                    bar.step(step, done, 2)

    work()
    assert capsys.readouterr().err == "drawing …\nrestoring …\n"
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    work()
    assert "restoring  " in terminal.getvalue()
    assert terminal.screen() == [""], "the steps are drawn over, and nothing is left"


def test_the_bar_says_how_fast_and_how_long() -> None:
    assert bar_line("a.mp4", 50, 200, 2.5).endswith(" 25%  50/200  20.0 fps  0:08 left")
    assert bar_line("a.mp4", 90_000, 180_000, 4500).endswith("1:15:00 left")
    assert bar_line("a.mp4", 50, None, 2.5) == "a.mp4  50 frames  20.0 fps"
    assert bar_line("a.mp4", 150, 200, 2.5, before=100).endswith(" 75%  150/200  20.0 fps  0:02 left")
