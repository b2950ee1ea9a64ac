"""`clearway restore`: with a real engine and a tiny bundle, from the arguments to the file and what is printed."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from runtime.errors import SinkError, SourceError, UsageError
from tests.tiny import make_bundle
from tests.video.clips import STEADY, Clip, order_of, packets, read
from video.cli import Bar, bar_line, run


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


def test_json_is_one_line(tmp_path: Path, clip: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert restore(clip, tmp_path / "out.mp4", bundle, "--json", "--quiet") == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert out.count("\n") == 1
    assert err == ""
    assert (report["frames"], report["model"], report["source_fps"]) == (len(STEADY), "tiny", 25.0)
    assert set(report["stages"]["restore"]) == {"count", "mean_ms", "p50_ms", "p95_ms", "p99_ms"}


def test_steady_and_flicker_are_asked_for(tmp_path: Path, clip: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert restore(clip, tmp_path / "out.mp4", bundle, "--steady", "--flicker") == 0
    assert "flicker, grey levels: source" in capsys.readouterr().out
    assert restore(clip, tmp_path / "plain.mp4", bundle, "--json") == 0
    plain = json.loads(capsys.readouterr().out)
    assert (plain["steady"], plain["flicker"]) == (False, None), "neither costs anything unasked"
    (tmp_path / "in").mkdir()
    shutil.copy(clip, tmp_path / "in" / "a.mp4")
    assert restore(tmp_path / "in", tmp_path / "folder", bundle, "--steady", "--flicker", "--json") == 0
    (one,) = json.loads(capsys.readouterr().out)["done"]
    assert one["steady"]
    assert set(one["flicker"]) == {"source", "result", "pairs", "compared"}


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


@pytest.mark.parametrize(
    ("source", "target", "more", "kind", "message"),
    [
        ("nothing.mp4", "out.mp4", [], SourceError, "there is nothing"),
        ("in.mp4", "in.mp4", ["--force"], UsageError, "the input itself"),
        ("in.mp4", "out.mp4", ["--crf", "99"], UsageError, "0 .lossless. to 51"),
        ("in.mp4", "out.wmv", [], UsageError, r"\.wmv came"),
        ("in.mp4", "out.mp4", ["--model", "deraim"], UsageError, "deraim"),
        ("in.mp4", "nowhere/out.mp4", [], SinkError, "make it first"),
        ("in.mp4", "model/model.onnx", [], UsageError, r"\.mp4.*\.onnx came"),
        ("one.png", "out.mp4", [], UsageError, r"\.png.*\.mp4 came"),
        ("one.png", "out.xyz", [], UsageError, r"\.xyz came"),
        ("one.png", "out", [], UsageError, "no ending came"),
        ("one.png", "one.png", ["--force"], UsageError, "the input itself"),
        ("one.png", "two.png", [], UsageError, "exists already.*--force"),
        ("one.png", "nowhere/out.png", [], SinkError, "make it first"),
        ("in", "/proc/f", [], SinkError, "^/proc/f: a folder to write into was expected.*name another one"),
    ],
)
def test_wrong_use(
    tmp_path: Path, clip: Path, bundle: str, source: str, target: str, more: list[str], kind: type[Exception], message: str
) -> None:
    (tmp_path / "in").mkdir()
    for name in ("one.png", "two.png", "in/three.png"):
        cv2.imwrite(str(tmp_path / name), np.full((20, 31, 3), 90, np.uint8))
    before = sorted(path.name for path in tmp_path.iterdir())
    if "--model" not in more:
        shutil.rmtree(bundle)  # all of it is said before the seconds that loading a model takes
        before.remove("model")
    with pytest.raises(kind, match=message) as caught:
        restore(tmp_path / source, tmp_path / target, bundle, *more)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_mistyped_model_leaves_no_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "one.png"), np.full((20, 31, 3), 90, np.uint8))
    with pytest.raises(UsageError, match="deraim"):
        restore(tmp_path / "in", tmp_path / "new" / "out", "deraim")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_the_bar_and_is_left_clean(tmp_path: Path, clip: Path, bundle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    assert restore(clip, tmp_path / "out.mp4", bundle) == 0
    assert f"{len(STEADY)}/{len(STEADY)}" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\033[K")


def test_steps_are_lines_where_nobody_looks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        with Bar() as bar:
            for step in ("drawing", "restoring"):
                for done in range(3):
                    bar.step(step, done, 2)

    work()
    assert capsys.readouterr().err == "drawing …\nrestoring …\n"
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    work()
    assert "restoring  " in terminal.getvalue()
    assert "\n" not in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\033[K")


def test_the_bar_says_how_fast_and_how_long() -> None:
    assert bar_line("a.mp4", 50, 200, 2.5).endswith(" 25%  50/200  20.0 fps  0:08 left")
    assert bar_line("a.mp4", 90_000, 180_000, 4500).endswith("1:15:00 left")
    assert bar_line("a.mp4", 50, None, 2.5) == "a.mp4  50 frames  20.0 fps"
