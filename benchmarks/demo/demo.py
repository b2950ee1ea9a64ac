"""The demo: a rainy clip is drawn, restored and scored against its clean truth, and everything is left in one folder.

Does not print. Needs neither torch nor onnx.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.demo.clip import ClipOptions, RainyClip
from benchmarks.demo.scene import RATE
from benchmarks.demo.still import before_after
from benchmarks.machine import describe_machine
from runtime.errors import SinkError, UsageError
from runtime.files.atomic import written
from runtime.files.pictures import write_picture
from runtime.picture import Picture
from runtime.restorer import Restorer, load
from runtime.timing import StageTimes
from training.scoring.metrics import PROTOCOLS, psnr, ssim
from video.files.sinks.file import VideoSink
from video.files.sources.file import open_video
from video.files.target import make_folder
from video.frame import Frame
from video.live.preview import wipe
from video.pipeline import run_pipeline
from video.restore.job import RestoreJob
from video.restore.report import VideoReport
from video.restore.video import restore_video

BEFORE, AFTER, COMPARE, STILL, REMOVED, REPORT = FILES = (
    "before.mp4", "after.mp4", "compare.mp4", "before-after.png", "removed.png", "report.json",
)  # fmt: skip
_SCORED_EVERY = 10  # frames
_SWEEP_S = 4.0  # the wipe goes there and back in this time

Progress = Callable[[str, int, int], None]  # what is being done, frames done, frames in all


@dataclass(frozen=True)
class DemoOptions:
    out: Path = Path("demo")
    model: str = "derain"
    backend: str = "auto"
    clip: ClipOptions = field(default_factory=ClipOptions)


@dataclass(frozen=True)
class FrameScore:
    index: int
    psnr_before_db: float
    psnr_after_db: float
    ssim_before: float
    ssim_after: float


@dataclass(frozen=True)
class Scores:
    """Means over the scored frames, decoded from the files, against the clean truth."""

    protocol: str
    psnr_before_db: float
    psnr_after_db: float
    ssim_before: float
    ssim_after: float
    frames: tuple[FrameScore, ...]


@dataclass(frozen=True)
class DemoReport:
    clip: dict[str, Any]
    model: dict[str, Any]
    backend: dict[str, Any]
    scores: tuple[Scores, ...]
    speed: dict[str, Any]
    machine: dict[str, Any]
    files: dict[str, str]


def run_demo(options: DemoOptions, progress: Progress) -> DemoReport:
    if options.clip.frames < 1:
        raise UsageError(f"expected a clip of at least one frame, got {options.clip.frames}; ask for more seconds")
    out = options.out
    _refuse_what_is_not_ours(out)
    make_folder(out)
    started = time.perf_counter()
    with load(options.model, options.backend) as restorer:
        if restorer.manifest.graph.scale != 1:
            raise UsageError(f"expected a model that keeps the picture's size, {options.model} enlarges it; name another with --model")
        restorer(np.zeros((options.clip.height, options.clip.width, 3), np.uint8))  # compiled for this size before the clock runs
        ready = time.perf_counter() - started
        with _all_or_nothing(out):
            return _run(options, restorer, progress, ready)


def _run(options: DemoOptions, restorer: Restorer, progress: Progress, ready: float) -> DemoReport:
    out, frames = options.out, options.clip.frames
    progress("drawing", 0, frames)
    clip = RainyClip(options.clip)
    clip.write(out / BEFORE, lambda done: progress("drawing", done, frames))
    job = RestoreJob(out / BEFORE, out / AFTER, overwrite=True)
    video = restore_video(job, restorer, progress=lambda done, _: progress("restoring", done, frames))
    comparison = _Comparison(clip, out)
    comparison.write(lambda done: progress("comparing", done, frames))
    _write_stills(comparison, clip, restorer, out)
    report = _report(options, clip, restorer, video, comparison.scores(), ready)
    _write_json(out / REPORT, dataclasses.asdict(report))
    return report


def _refuse_what_is_not_ours(out: Path) -> None:
    """Only what an earlier demo left is replaced unasked: its report is the sign of that."""
    there = [name for name in FILES if (out / name).exists()]
    if there and not _is_report(out / REPORT):
        raise SinkError(f"{out / there[0]}: exists without the report of an earlier demo beside it; name another folder with --out")


def _is_report(path: Path) -> bool:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and {"clip", "scores", "speed"} <= content.keys()


@contextmanager
def _all_or_nothing(out: Path) -> Iterator[None]:
    """Results of two runs must not lie side by side, nor those of half a run: nobody could say later whose they are."""
    try:
        for name in FILES:
            (out / name).unlink(missing_ok=True)
    except OSError as error:
        raise SinkError(f"{error.filename}: cannot be replaced ({error.strerror}); name another folder with --out") from error
    try:
        yield
    except BaseException:
        for name in FILES:
            with suppress(OSError):
                (out / name).unlink()
        raise


class _Comparison:
    """One pass over both files: each pair becomes a frame of the wipe, every tenth is scored, one is kept for the stills."""

    def __init__(self, clip: RainyClip, out: Path) -> None:
        self._clip, self._out = clip, out
        indices = range(0, clip.options.frames, _SCORED_EVERY)
        self.chosen = max(indices, key=lambda index: sum(_area(box) for box in clip.close_ups(index)[:2]))
        self.kept: tuple[Picture, Picture] | None = None
        self._rows: dict[str, list[FrameScore]] = {name: [] for name in PROTOCOLS}

    def write(self, progress: Callable[[int], None]) -> None:
        with open_video(self._out / BEFORE) as before, open_video(self._out / AFTER) as after:

            def pairs() -> Iterator[Frame]:
                for rainy, restored in zip(before, after, strict=True):
                    self._look_at(rainy.index, rainy.image, restored.image)
                    swing = np.sin(2 * np.pi * float(rainy.time) / _SWEEP_S)
                    yield dataclasses.replace(rainy, image=wipe(rainy.image, restored.image, 0.5 + 0.42 * float(swing)))

            with VideoSink(self._out / COMPARE, before.info, overwrite=True) as sink:
                run_pipeline(pairs(), lambda frame: frame, sink.write, times=StageTimes(), progress=progress)

    def _look_at(self, index: int, rainy: Picture, restored: Picture) -> None:
        if index == self.chosen:
            self.kept = rainy, restored
        if index % _SCORED_EVERY:
            return
        truth = self._clip.truth(index)
        for name, rows in self._rows.items():
            quality = psnr(rainy, truth, name), psnr(restored, truth, name), ssim(rainy, truth, name), ssim(restored, truth, name)
            rows.append(FrameScore(index, *(round(value, 4) for value in quality)))

    def scores(self) -> tuple[Scores, ...]:
        return tuple(
            Scores(
                PROTOCOLS[name].text,
                psnr_before_db=_mean(row.psnr_before_db for row in rows),
                psnr_after_db=_mean(row.psnr_after_db for row in rows),
                ssim_before=_mean(row.ssim_before for row in rows),
                ssim_after=_mean(row.ssim_after for row in rows),
                frames=tuple(rows),
            )
            for name, rows in self._rows.items()
        )


def _mean(values: Iterable[float]) -> float:
    return round(float(np.mean(list(values))), 4)


def _area(box: tuple[int, int, int, int]) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _write_stills(comparison: _Comparison, clip: RainyClip, restorer: Restorer, out: Path) -> None:
    assert comparison.kept is not None, "the chosen frame is one of the scored ones"
    rainy, restored = comparison.kept
    write_picture(out / STILL, before_after(rainy, restored, clip.close_ups(comparison.chosen)))
    write_picture(out / REMOVED, restorer(rainy).removed)


def _report(
    options: DemoOptions, clip: RainyClip, restorer: Restorer, video: VideoReport, scores: tuple[Scores, ...], ready: float
) -> DemoReport:
    choice, manifest = restorer.choice, restorer.manifest
    return DemoReport(
        clip=dataclasses.asdict(clip.options) | {"fps": RATE, "seconds": clip.options.frames / RATE, "codec": "H.264"},
        model={"name": manifest.name, "version": manifest.version, "preset": manifest.network.preset, "ready_s": round(ready, 2)},
        backend=dataclasses.asdict(choice.backend.facts) | {"why": choice.why, "passed_over": dict(choice.passed_over)},
        scores=scores,
        speed={
            "frames": video.frames,
            "seconds": round(video.seconds, 4),
            "fps": round(video.fps, 2),
            "kept_up": video.kept_up,
            "stages": video.stages,
        },
        machine=describe_machine(),
        files={name: str(options.out / name) for name in FILES},
    )


def _write_json(path: Path, content: dict[str, Any]) -> None:
    try:
        with written(path) as part:
            part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise SinkError(f"{path}: cannot be written ({error.strerror or error}); check the disk's free space") from error
