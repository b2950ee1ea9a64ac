"""`clearway live`: from the arguments to finished files and the report, with a real engine and a tiny bundle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.request import urlopen

import av
import numpy as np
import pytest

from runtime.errors import SinkError, SourceError, UsageError
from runtime.model.zoo import shipped
from tests.support.tiny import make_bundle
from tests.support.video.clips import STEADY, Clip, read
from tests.support.video.servers import ENDS_WITHIN, Server, refuses
from video.live.statistics import LiveStatistics
from video.live_cli import format_line, format_summary, run

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    return str(make_bundle(tmp_path / "model", "brighten"))


def live(bundle: str, source: object, *more: str) -> int:
    return run("live", [str(source), "--model", bundle, "--backend", "onnxruntime", *more])


def test_a_file_as_if_live_is_recorded(tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    clip = Clip(pts=STEADY).make(tmp_path / "in.mp4")
    assert live(bundle, clip, "--record", str(tmp_path / "rec"), "--json") == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert out.count("\n") == 1
    assert "tiny on " in err
    (path,) = map(Path, report["files"])
    assert path.parent == tmp_path / "rec"
    before, after = read(clip), read(path)
    assert report["captured"] == len(before)
    assert report["restored"] == len(before) - report["dropped"].get("the network was busy", 0)
    assert len(after) == report["restored"] - report["dropped"].get("recorder was busy", 0)
    expected = before[-1].image.clip(0, 245) + 10.0
    assert np.abs(after[-1].image - expected).mean() < 4, "the bundle adds 10 levels, and the last picture is never dropped"
    assert (report["model"], report["state"]) == ("tiny", "over")


def test_the_summary_for_people(tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    clip = Clip(pts=STEADY[:5]).make(tmp_path / "in.mp4")
    assert live(bundle, clip) == 0
    assert f"{clip}: " in (out := capsys.readouterr().out)
    assert "to restored" in out
    assert live(bundle, clip, "--quiet") == 0
    assert capsys.readouterr() == ("", "")


def numbers(**changed: object) -> LiveStatistics:
    plain: dict[str, object] = {
        "source": "cam",
        "state": "running",
        "seconds": 10.0,
        "captured": 250,
        "restored": 240,
        "source_fps": 25.0,
        "restored_fps": 24.5,
        "dropped": {"damaged": 3, "the network was busy": 10},
        "retimed": 2,
        "connections": 3,
        "losses": 2,
        "failed_attempts": 4,
        "recovery_s": (1.5, 3.0),
        "trouble": "cam: gone",
        "stages": {"to restored": {"p50_ms": 31.2, "p95_ms": 40.0, "p99_ms": 55.5}},
    }
    return LiveStatistics(**{**plain, **changed})  # type: ignore[arg-type]


def test_what_is_said_of_trouble() -> None:
    said = format_summary(numbers(), ["a.mp4"])
    assert "240 of 250 frames restored in 10.0 s" in said
    assert "dropped: 3 (damaged), 10 (the network was busy)" in said
    assert "lost 2 times, away for 1.5, 3.0 s; 4 attempts failed; the last: cam: gone" in said
    assert "2 frames had no time" in said
    assert said.endswith("a.mp4")
    quiet = format_summary(numbers(dropped={}, losses=0, failed_attempts=0, recovery_s=(), retimed=0, stages={}), [])
    assert quiet == "cam: 240 of 250 frames restored in 10.0 s"


def test_the_line_meanwhile() -> None:
    assert format_line(numbers()) == "cam  running  24.5 fps  31 ms (p99 56)  13 dropped  2 times lost"
    assert format_line(numbers(stages={}, restored_fps=None)) == "cam  running  13 dropped  2 times lost"


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (["no-such.mp4"], UsageError, "expected a live source"),
        (["pattern", "--segment", "long", "--record", "rec"], UsageError, "expected minutes"),
        (["pattern", "--record", "/proc/f"], SinkError, "a folder to write into"),
        (["pattern", "--window"], SinkError, "DISPLAY is not set"),
        (["pattern", "--serve", "x:y"], UsageError, r"expected \[HOST:\]PORT"),
        (["pattern", "--serve", "203.0.113.7:1"], SinkError, "expected a free port of this machine"),
        (["pattern", "--strength", "2"], UsageError, r"^strength: "),
        (["pattern", "--model", "another"], UsageError, "expected one without --serve, got 2"),
    ],
)
def test_wrong_use_is_said_before_a_model_is_loaded(
    arguments: list[str], error: type[Exception], said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(error, match=said):
        run("live", [*arguments, "--model", "not even looked for"])


@pytest.mark.network
def test_a_wrong_password_ends_it(bundle: str) -> None:
    with (
        Server([refuses("401 Unauthorized")] * 2) as server,
        pytest.raises(SourceError, match=r"\*\*\*@.*another user or password") as caught,
    ):
        live(bundle, f"http://admin:hunter2@{server.address}/a")
    assert "hunter2" not in str(caught.value)


def test_what_a_recorded_file_says_of_itself(tmp_path: Path, bundle: str) -> None:
    clip = Clip(pts=STEADY).make(tmp_path / "in.mp4")
    assert live(bundle, clip, "--record", str(tmp_path / "rec"), "--strength", "0.5", "--quiet") == 0
    (path,) = (tmp_path / "rec").iterdir()
    with av.open(str(path)) as container:
        assert container.metadata["comment"] == "Restored by Clearway: model tiny, version 1, strength 0.5"
    expected = read(clip)[-1].image.clip(0, 245) + 5.0
    assert np.abs(read(path)[-1].image - expected).mean() < 4, "half of the 10 levels that the bundle adds"


@pytest.mark.network
def test_the_page_is_served_and_ends_with_ctrl_c_while_somebody_looks(tmp_path: Path, bundle: str) -> None:
    command = [sys.executable, "-m", "clearway", "live", "pattern:64x64@25", "--serve", "0", "--model", bundle]
    command += ["--model", "derain", "--backend", "onnxruntime", "--json"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    running = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    try:
        address = running.stderr.readline().removeprefix("page: ").strip()
        listed = json.loads(urlopen(f"{address}cameras", timeout=ENDS_WITHIN).read())
        (camera,) = listed["cameras"]
        assert (camera["name"], camera["source"], camera["models"]) == ("pattern-64x64-25", "pattern:64x64@25", [bundle, *shipped()])
        viewers = [urlopen(f"{address}cameras/pattern-64x64-25/{what}", timeout=ENDS_WITHIN) for what in ("compare.mjpeg", "events")]
        assert all(viewer.read(1) for viewer in viewers), "each is being answered"
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=ENDS_WITHIN)
    finally:
        running.kill()
    for viewer in viewers:
        viewer.close()
    assert (running.returncode, "Traceback" in err) == (0, False)
    assert json.loads(out)["restored"] > 0


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_being_ended_finishes_the_files(tmp_path: Path, bundle: str, name: str) -> None:
    """In a process of its own, as a user and systemd do it."""
    folder = tmp_path / "rec"
    command = [sys.executable, "-m", "clearway", "live", "pattern:64x64@25", "--record", str(folder)]
    command += ["--model", bundle, "--backend", "onnxruntime", "--json"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    running = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + ENDS_WITHIN
        while not (folder.is_dir() and any(folder.iterdir())):
            assert time.monotonic() < until
            assert running.poll() is None
            time.sleep(0.05)
        running.send_signal(getattr(signal, name))
        out, err = running.communicate(timeout=ENDS_WITHIN)
    finally:
        running.kill()
    (path,) = folder.iterdir()
    assert read(path), "whole, under its final name"
    assert (running.returncode, "Traceback" in err) == (0 if name == "SIGINT" else 143, False)
    if name == "SIGINT":
        assert json.loads(out)["files"] == [str(path)]


def interrupted(bundle: str, folder: Path, source: str, after: str, seconds: float) -> tuple[int, str]:
    """SIGINT so long after a line of standard error that holds `after`: the exit code, and all of standard error."""
    command = [sys.executable, "-m", "clearway", "live", source, "--serve", "0", "--record", str(folder / "rec")]
    command += ["--model", bundle, "--backend", "onnxruntime"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    running = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    try:
        lines = [running.stderr.readline()]
        while after not in lines[-1]:
            assert running.poll() is None, lines
            lines.append(running.stderr.readline())
        time.sleep(seconds)
        running.send_signal(signal.SIGINT)
        _, rest = running.communicate(timeout=ENDS_WITHIN)
    finally:
        running.kill()
    return running.returncode, "".join(lines) + rest


def ends_well(tmp_path: Path, bundle: str, source: str, after: str, moments: Sequence[float]) -> None:
    Clip(pts=STEADY).make(tmp_path / "in.mp4")
    for index, seconds in enumerate(moments):
        folder = tmp_path / str(index)
        folder.mkdir()
        code, said = interrupted(bundle, folder, str(tmp_path / source) if source == "in.mp4" else source, after, seconds)
        assert code in (0, 130), f"{seconds} s after {after!r}: {code}, {said}"
        assert "Traceback" not in said
        assert all(path.suffix == ".mp4" and read(path) for path in (folder / "rec").iterdir()), "nothing half-written"


def test_ctrl_c_while_it_starts(tmp_path: Path, bundle: str) -> None:
    """130 until the model is there, 0 from then on, and no crash in between."""
    ends_well(tmp_path, bundle, "pattern:64x64@50", " on ", [0, 0.003])


@pytest.mark.slow
@pytest.mark.parametrize("source", ["in.mp4", "pattern:64x64@50"])
@pytest.mark.parametrize("after", ["page: ", " on "])
def test_ctrl_c_at_many_moments_while_it_starts(tmp_path: Path, bundle: str, source: str, after: str) -> None:
    ends_well(tmp_path, bundle, source, after, [step * 0.002 for step in range(15)])
