"""The word `restore`: its arguments, its progress bar, and what it says at the end. Does not know how it is done.

The word `live` is sent on to video/live_cli.py.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from pathlib import Path

from runtime.guard.guard import GUARDS
from runtime.progress_line import StatusLine
from runtime.restorer import Restorer, load
from runtime.tiles.tiled import TileSide
from video.color import ASSUMABLE, AssumedColor
from video.files.encoders import ENCODERS, PRESETS
from video.files.encoding import PRESET, QUALITY, EncodeOptions
from video.files.reading import RawFormat, ReadOptions, parse_rate
from video.files.sinks.file import CONTAINERS
from video.files.sources.pipe import PIPE
from video.files.target import make_folder
from video.finish.finish import FinishOptions
from video.restore.folder import FolderPlan, FolderReport, plan_folder, restore_folder
from video.restore.job import RestoreJob, goal_of, is_picture
from video.restore.report import PictureReport, VideoReport
from video.restore.video import engine_threads, restore_picture, restore_video


def run(word: str, arguments: list[str]) -> int:
    if word == "live":
        from video.live_cli import run as run_live  # a restoring box without cameras never loads it

        return run_live(word, arguments)
    args = _parser(word).parse_args(arguments)
    job = _job(args)  # before the seconds that loading a model takes
    plan = plan_folder(job) if job.source.is_dir() else None
    with _load(args, _make_folders(job.target) if plan else []) as restorer:
        if not args.quiet:
            print(f"{restorer.manifest.name} on {restorer.choice.describe()}", file=sys.stderr)
        with ProgressBar(quiet=args.quiet) as bar:
            report = _restore(plan or job, restorer, bar)
    if args.json or not args.quiet:
        # Standard output may be the video.
        print(
            json.dumps(report.as_dict()) if args.json else summary(report),
            file=sys.stderr if PIPE in job.results else sys.stdout,
        )
    if isinstance(report, FolderReport):
        for path, why in report.failed:
            print(f"clearway: {why if path in why else f'{path}: {why}'}", file=sys.stderr)
        return 1 if report.failed else 0
    return 0


def _job(args: argparse.Namespace) -> RestoreJob:
    source, target, encode = Path(args.input), Path(args.output), EncodeOptions(args.encoder, args.quality, args.preset)
    if target.is_dir() and not source.is_dir():
        target /= goal_of(Path(source.name), encode)
    finish = FinishOptions(args.strength, reduce_flicker=args.reduce_flicker, flicker=args.flicker)
    return RestoreJob(source, target, encode, _read_options(args), finish, args.show_removed, args.resume, args.force)


def _make_folders(target: Path) -> list[Path]:
    """The target and its parents, of which those that were not there are returned."""
    new = [folder for folder in (target, *target.parents) if not folder.exists()]
    make_folder(target)
    return new


def _load(args: argparse.Namespace, new: list[Path]) -> Restorer:
    """The folders that were made for the results go again if there will be none."""
    try:
        threads = engine_threads() if args.threads is None else args.threads
        return load(args.model, args.backend, tile=args.tile, guard=args.guard, threads=threads)
    except BaseException:
        with contextlib.suppress(OSError):
            for folder in new:
                folder.rmdir()
        raise


def _parser(word: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"clearway {word}", description="Restores a video, a picture, or a folder of either.")
    parser.add_argument("input", type=Path, metavar="IN", help="a video, a picture, a folder, frames/%%05d.png, or - (a pipe)")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="OUT",
        help=f"a name that ends in {', '.join(CONTAINERS)}, .png, …; a folder, frames/%%05d.png, or -",
    )
    parser.add_argument("--model", default="derain", help="a shipped model's name, or the folder of a bundle (default: %(default)s)")
    parser.add_argument("--backend", default="auto", help="which engine runs it (default: the fastest that this machine has)")
    parser.add_argument(
        "--tile",
        type=_tile,
        default="auto",
        metavar="auto|none|SIDE",
        help="auto: in tiles where a picture needs them to fit (default)",
    )
    threads = "cores for an engine on the CPU (default: all; with four or more, a quarter is left to decoder and encoder)"
    parser.add_argument("--threads", type=int, metavar="N", help=threads)
    parser.add_argument(
        "--guard",
        default=GUARDS[0],
        choices=GUARDS,
        help="what to do about a result that cannot be right: run it again in FP32, stop, or only stop at NaN (default: %(default)s)",
    )
    _add_treatment(parser)
    _add_encoding(parser)
    parser.add_argument("--resume", action="store_true", help="continue what an earlier run left unfinished")
    parser.add_argument("--force", action="store_true", help="replace files that exist")
    parser.add_argument("--json", action="store_true", help="print the report as one line of JSON")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    return parser


def _tile(text: str) -> TileSide:
    if text in ("auto", "none"):
        return "auto" if text == "auto" else None
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"expected auto, none, or the longest side of a tile in pixels, got {text!r}; use --tile auto")
    return int(text)


def _add_treatment(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--reduce-flicker",
        "--steady",  # its first name
        action="store_true",
        help="even out flicker from frame to frame, for cameras that stand still in rain",
    )
    parser.add_argument("--flicker", action="store_true", help="measure how much source and result flicker, and report it")
    parser.add_argument("--strength", type=float, default=1.0, help="0 is the source, 1 the restored picture (default: %(default)g)")
    parser.add_argument("--show-removed", type=Path, metavar="FILE", help="write what was removed, around mid-grey, as a second file")
    parser.add_argument(
        "--assume-color",
        metavar="COLOUR",
        help=f"of videos that do not say it: {', '.join(ASSUMABLE)} (default: by their size)",
    )
    parser.add_argument("--fps", metavar="N/D", help="frames a second of numbered pictures and of raw frames")
    parser.add_argument("--raw", metavar="WxH[:FORMAT]", help="standard input is raw frames (yuv420p, bgr24, …), and so is standard output")
    parser.add_argument("--deinterlace", action="store_true", help="deinterlace the frames that are marked as interlaced")


def _add_encoding(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--encoder", default="h264", metavar="NAME", help=f"{', '.join(ENCODERS)} (default: %(default)s)")
    parser.add_argument(
        "--quality", type=int, help=f"0 to 100, with every encoder; 100 is its best, of h264, h265 and av1 lossless (default: {QUALITY})"
    )
    parser.add_argument(
        "--preset", metavar="NAME", help=f"speed for size, with h264, h265 and av1: {', '.join(PRESETS)} (default: {PRESET})"
    )


def _read_options(args: argparse.Namespace) -> ReadOptions:
    return ReadOptions(
        assume=None if args.assume_color is None else AssumedColor.parse(args.assume_color),
        deinterlace=args.deinterlace,
        rate=None if args.fps is None else parse_rate(args.fps),
        raw=None if args.raw is None else RawFormat.parse(args.raw),
    )


def _restore(job: RestoreJob | FolderPlan, restorer: Restorer, bar: ProgressBar) -> VideoReport | PictureReport | FolderReport:
    if isinstance(job, FolderPlan):
        return restore_folder(job, restorer, begins=lambda path: bar.begin(path.name), progress=bar.show)
    if is_picture(job.source):
        return restore_picture(job, restorer)
    bar.begin(job.source.name)
    return restore_video(job, restorer, progress=bar.show)


class ProgressBar:
    """One line on stderr that is drawn over, only where somebody looks at it; elsewhere `steps` get a line each as they begin."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._line = StatusLine(quiet=quiet)
        self._name = ""
        self._started = self._drawn = 0.0
        self._before: int | None = None  # frames of an earlier run, which took none of this one's time

    def begin(self, name: str) -> None:
        self._line.clear()
        self._name, self._started, self._drawn, self._before = name, time.monotonic(), 0.0, None

    def show(self, done: int, announced: int | None) -> None:
        now = time.monotonic()
        if self._before is None:
            self._before = max(0, done - 1)
        if now - self._drawn < 0.1 and done != announced:
            return
        self._drawn = now
        self._line.show(bar_line(f"{self._name:<9}", done, announced, now - self._started, before=self._before))

    def step(self, name: str, done: int, announced: int) -> None:
        """For work of several steps: the first call with a new name begins it."""
        if name != self._name:
            self.begin(name)
            if not self._line.is_live:
                self._line.write(f"{name} …")
        self.show(done, announced)

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.clear()


def bar_line(name: str, done: int, announced: int | None, seconds: float, *, before: int = 0) -> str:
    """`before`: how many of those that are done an earlier run did."""
    fps = (done - before) / seconds if seconds > 0 else 0.0
    if not announced:
        return f"{name}  {done} frames  {fps:.1f} fps"
    share = min(1.0, done / announced)
    left = max(0, announced - done) / fps if fps else 0.0
    filled = round(share * 24)
    return f"{name}  {'█' * filled}{'░' * (24 - filled)}  {share:4.0%}  {done}/{announced}  {fps:.1f} fps  {_clock(left)} left"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def summary(report: VideoReport | PictureReport | FolderReport) -> str:
    if isinstance(report, FolderReport):
        parts = [summary(one) for one in report.done]
        there = f", {report.there} there before" if report.there else ""
        parts.append(f"{len(report.done)} restored{there}, {len(report.failed)} failed, {report.left_alone} other files left alone")
        return "\n".join(parts)
    if isinstance(report, PictureReport):
        done = f"{report.source} → {report.target}: {report.width}×{report.height} in {report.seconds:.2f} s"
        return "\n".join([done, *(f"  note: {note}" for note in report.notes)])
    pace = ""
    if report.source_fps is not None:
        pace = f" ({'faster' if report.kept_up else 'slower'} than it plays, {report.source_fps:.4g})"
    lines = [f"{report.source} → {report.target}: {report.frames} frames in {report.seconds:.1f} s, {report.fps:.1f} fps{pace}"]
    lines.append("  ms a frame, p50/p95/p99: " + ", ".join(_stage(name, stage) for name, stage in report.stages.items()))
    if report.flicker is not None:
        lines.append(f"  flicker, grey levels: source {report.flicker.source:.2f}, result {report.flicker.result:.2f}")
    lines.extend(f"  note: {note}" for note in report.notes)
    return "\n".join(lines)


def _stage(name: str, stage: dict[str, float]) -> str:
    name = "flicker reduction" if name == "steady" else name  # the key of earlier reports
    return f"{name} {stage['p50_ms']:.1f}/{stage['p95_ms']:.1f}/{stage['p99_ms']:.1f}"
