"""The demo, small and with a network that changes nothing: every file is there, and every number can be found again."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.cli import run, summary
from benchmarks.demo.clip import ClipOptions, RainyClip
from benchmarks.demo.demo import AFTER, BEFORE, COMPARE, FILES, REMOVED, REPORT, STILL, DemoOptions, DemoReport, run_demo
from runtime.errors import SinkError, UsageError
from runtime.files.pictures import read_picture
from runtime.picture import Picture
from tests.support.tiny import make_bundle
from training.scoring.metrics import PROTOCOLS, psnr, ssim
from video.files.sources.file import open_video

CLIP = ClipOptions(frames=22, height=72, width=128, seed=3)


@dataclasses.dataclass(frozen=True)
class Demo:
    options: DemoOptions
    report: DemoReport
    said: list[tuple[str, int, int]]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo")
    options = DemoOptions(folder / "out", str(make_bundle(folder / "tiny")), "onnxruntime", CLIP)
    said: list[tuple[str, int, int]] = []
    return Demo(options, run_demo(options, lambda *step: said.append(step)), said)


def frames_of(path: Path) -> list[Picture]:
    with open_video(path) as video:
        return [frame.image for frame in video]


def test_all_files_and_nothing_else_are_there(demo: Demo) -> None:
    assert sorted(path.name for path in demo.options.out.iterdir()) == sorted(FILES)
    assert set(demo.report.files) == set(FILES)


@pytest.mark.parametrize("name", [BEFORE, AFTER, COMPARE])
def test_the_videos_are_25_frames_a_second_and_whole(demo: Demo, name: str) -> None:
    with open_video(demo.options.out / name) as video:
        assert video.info.codec == "h264"
        assert (video.info.width, video.info.height) == (CLIP.width, CLIP.height)
        assert not video.info.color_assumed
        times = [frame.time for frame in video]
    assert [float(time) for time in times] == [index / 25 for index in range(CLIP.frames)]


def test_the_report_is_written_as_it_was_returned(demo: Demo) -> None:
    written = json.loads((demo.options.out / REPORT).read_text())
    assert written == json.loads(json.dumps(dataclasses.asdict(demo.report)))
    assert written["clip"]["seed"] == CLIP.seed
    assert written["backend"]["name"] == "onnxruntime"
    assert written["backend"]["precision"] == "fp32"
    assert written["machine"]["cores"] >= 1


def test_the_scores_can_be_computed_again_from_the_files(demo: Demo) -> None:
    truth = RainyClip(CLIP)
    before, after = frames_of(demo.options.out / BEFORE), frames_of(demo.options.out / AFTER)
    for name, scores in zip(PROTOCOLS, demo.report.scores, strict=True):
        assert scores.protocol == PROTOCOLS[name].text
        assert [row.index for row in scores.frames] == [0, 10, 20]
        for row in scores.frames:
            clean = truth.truth(row.index)
            assert row.psnr_before_db == pytest.approx(psnr(before[row.index], clean, name), abs=1e-3)
            assert row.psnr_after_db == pytest.approx(psnr(after[row.index], clean, name), abs=1e-3)
            assert row.ssim_before == pytest.approx(ssim(before[row.index], clean, name), abs=1e-3)
            assert row.ssim_after == pytest.approx(ssim(after[row.index], clean, name), abs=1e-3)
        assert scores.psnr_after_db == pytest.approx(np.mean([row.psnr_after_db for row in scores.frames]), abs=1e-3)


def test_the_speed_belongs_together(demo: Demo) -> None:
    speed = demo.report.speed
    assert speed["frames"] == CLIP.frames
    assert speed["fps"] == pytest.approx(speed["frames"] / speed["seconds"], rel=0.02)
    assert speed["kept_up"] == (speed["fps"] >= 25)
    assert set(speed["stages"]) == {"decode", "restore", "encode"}
    assert all(stage["p50_ms"] <= stage["p95_ms"] <= stage["p99_ms"] for stage in speed["stages"].values())


def test_an_identity_removes_nothing(demo: Demo) -> None:
    assert (read_picture(demo.options.out / REMOVED) == 128).all()


def test_the_still_is_half_and_half_with_details_below(demo: Demo) -> None:
    still = read_picture(demo.options.out / STILL)
    assert still.shape[1] == CLIP.width
    assert still.shape[0] > CLIP.height


def test_progress_ends_where_it_said_it_would(demo: Demo) -> None:
    ends = {what: (done, total) for what, done, total in demo.said}
    assert list(ends) == ["drawing", "restoring", "comparing"]
    assert set(ends.values()) == {(CLIP.frames, CLIP.frames)}


def test_the_summary_says_what_matters(demo: Demo) -> None:
    text, rgb = summary(demo.report), demo.report.scores[0]
    for part in ("PSNR", f"{rgb.psnr_before_db:.2f}", PROTOCOLS["rgb"].text, "keep", "frames a second", *demo.report.files.values()):
        assert part in text
    assert text.count("PSNR") == 1, "the other protocols are in the report"
    assert len(text.splitlines()) <= 24, "one screen"


@pytest.mark.parametrize(("kept_up", "expected"), [(True, "it keeps up"), (False, "does not keep up with 25 frames a second: use")])
def test_the_summary_says_whether_it_kept_up_and_what_would_help(demo: Demo, kept_up: bool, expected: str) -> None:
    speed = demo.report.speed | {"kept_up": kept_up}
    assert expected in summary(dataclasses.replace(demo.report, speed=speed))


def test_results_of_two_runs_never_lie_side_by_side(demo: Demo, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(demo.options.out, out)
    (out / "mine.txt").write_text("kept")

    def interrupt(what: str, done: int, total: int) -> None:
        if what == "restoring":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_demo(dataclasses.replace(demo.options, out=out), interrupt)
    assert [path.name for path in out.iterdir()] == ["mine.txt"], "nothing of the old run, no half of the new one, and what is not ours"


@pytest.mark.parametrize("report", [None, "not JSON", "[1]", '{"total": 3}'], ids=["none", "text", "list", "of something else"])
def test_a_users_own_files_are_not_replaced(demo: Demo, tmp_path: Path, report: str | None) -> None:
    out = tmp_path / "videos"
    out.mkdir()
    (out / BEFORE).write_text("precious")
    if report is not None:
        (out / REPORT).write_text(report)
    held = {path.name: path.read_text() for path in out.iterdir()}
    with pytest.raises(SinkError, match=r"before\.mp4: exists.*--out") as caught:
        run_demo(dataclasses.replace(demo.options, out=out), lambda *_: None)
    assert "\n" not in str(caught.value)
    assert {path.name: path.read_text() for path in out.iterdir()} == held


def test_what_cannot_be_started_leaves_the_last_demo_as_it_is(demo: Demo) -> None:
    with pytest.raises(UsageError, match="no model"):
        run_demo(dataclasses.replace(demo.options, model="no-such-model"), lambda *_: None)
    assert sorted(path.name for path in demo.options.out.iterdir()) == sorted(FILES)


def test_an_output_that_cannot_be_written_is_one_line(demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="name another one") as caught:
        run_demo(dataclasses.replace(demo.options, out=tmp_path / "file"), lambda *_: None)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("seconds", ["0", "nan", "600"])
def test_an_unreasonable_length_is_wrong_use(seconds: str) -> None:
    with pytest.raises(UsageError, match="--seconds"):
        run("demo", ["--seconds", seconds])


def test_an_unknown_model_is_said_before_anything_is_drawn(tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(UsageError, match="no model"):
        run_demo(DemoOptions(tmp_path, "no-such-model", clip=CLIP), lambda what, *_: said.append(what))
    assert said == []


def test_it_needs_neither_torch_nor_onnx() -> None:
    program = "import sys; sys.modules['torch'] = sys.modules['onnx'] = None; import benchmarks.demo.demo, benchmarks.cli"
    subprocess.run([sys.executable, "-c", program], check=True)
