"""Owns the word `restore`: its arguments, its progress bar, and what it says at the end. Knows nothing of how it is done.

The word `live` is sent on to video/live_cli.py.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from pathlib import Path

from runtime.errors import SourceError
from runtime.restorer import Restorer, load
from video.restore import (
    FolderReport,
    PictureReport,
    VideoReport,
    check_file,
    goal_of,
    is_picture,
    plan_folder,
    restore_folder,
    restore_picture,
    restore_video,
)
from video.sinks.file import CONTAINERS, ENCODERS, PRESETS, EncodeOptions
from video.target import make_folder

_DEFAULTS = EncodeOptions()


def run(word: str, arguments: list[str]) -> int:
    if word == "live":
        from video.live_cli import run as run_live  # a restoring box without cameras never loads it

        return run_live(word, arguments)
    args = _parser(word).parse_args(arguments)
    options = EncodeOptions(encoder=args.encoder, preset=args.preset, crf=args.crf)
    source, target = Path(args.input), Path(args.output)
    if not source.exists():  # before the seconds that loading a model takes
        raise SourceError(f"{source}: a video, a picture or a folder was expected, there is nothing; check the path")
    new: list[Path] = []
    if source.is_dir():
        plan_folder(source, target, overwrite=args.force)
        new = [folder for folder in (target, *target.parents) if not folder.exists()]
        make_folder(target)
    else:
        target = target / goal_of(Path(source.name)) if target.is_dir() else target
        check_file(source, target, overwrite=args.force)
    with _load(args.model, args.backend, new) as restorer:
        if not args.quiet:
            print(f"{restorer.manifest.name} on {restorer.choice.describe()}", file=sys.stderr)
        with Bar(quiet=args.quiet) as bar:
            report = _restore(source, target, restorer, options, force=args.force, bar=bar)
    if args.json:
        print(json.dumps(report.as_dict()))
    elif not args.quiet:
        print(summary(report))
    if isinstance(report, FolderReport):
        for path, why in report.failed:
            print(f"clearway: {why if path in why else f'{path}: {why}'}", file=sys.stderr)
        return 1 if report.failed else 0
    return 0


def _load(model: str, backend: str, new: list[Path]) -> Restorer:
    """The folders that were made for the results go again if there will be none."""
    try:
        return load(model, backend)
    except BaseException:
        with contextlib.suppress(OSError):
            for folder in new:
                folder.rmdir()
        raise


def _parser(word: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"clearway {word}", description="Restores a video, a picture, or a folder of either.")
    parser.add_argument("input", type=Path, metavar="IN", help="a video, a picture, or a folder (restored with everything below it)")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help=f"a name that ends in {', '.join(CONTAINERS)}, .png, …; or a folder"
    )
    parser.add_argument("--model", default="derain", help="a shipped model's name, or the folder of a bundle (default: %(default)s)")
    parser.add_argument("--backend", default="auto", help="which engine runs it (default: the fastest that this machine has)")
    parser.add_argument("--encoder", default=_DEFAULTS.encoder, choices=list(ENCODERS), help="ffv1 is lossless (default: %(default)s)")
    parser.add_argument(
        "--crf", type=int, default=_DEFAULTS.crf, help="quality of h264: 0 is lossless, each 6 more halve the size (default: %(default)s)"
    )
    parser.add_argument("--preset", default=_DEFAULTS.preset, choices=PRESETS, help="x264's speed for size (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="replace files that exist")
    parser.add_argument("--json", action="store_true", help="print the report as one line of JSON")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")
    return parser


def _restore(
    source: Path, target: Path, restorer: Restorer, options: EncodeOptions, *, force: bool, bar: Bar
) -> VideoReport | PictureReport | FolderReport:
    if source.is_dir():
        return restore_folder(
            source, target, restorer, options, overwrite=force, begins=lambda path: bar.begin(path.name), progress=bar.show
        )
    if is_picture(source):
        return restore_picture(source, target, restorer, overwrite=force)
    bar.begin(source.name)
    return restore_video(source, target, restorer, options, overwrite=force, progress=bar.show)


class Bar:
    """One line on stderr that is drawn over, only where somebody looks at it; elsewhere `steps` get a line each as they begin."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._live = not quiet and sys.stderr.isatty()
        self._name = ""
        self._started = self._drawn = 0.0

    def begin(self, name: str) -> None:
        self._clear()
        self._name, self._started, self._drawn = name, time.monotonic(), 0.0

    def show(self, done: int, announced: int | None) -> None:
        now = time.monotonic()
        if not self._live or (now - self._drawn < 0.1 and done != announced):
            return
        self._drawn = now
        print("\r\033[K" + bar_line(f"{self._name:<9}", done, announced, now - self._started), end="", file=sys.stderr, flush=True)

    def step(self, name: str, done: int, announced: int) -> None:
        """For work of several steps: the first call with a new name begins it."""
        if name != self._name:
            self.begin(name)
            if not self._live and not self._quiet:
                print(f"{name} …", file=sys.stderr, flush=True)
        self.show(done, announced)

    def _clear(self) -> None:
        if self._live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._clear()


def bar_line(name: str, done: int, announced: int | None, seconds: float) -> str:
    fps = done / seconds if seconds > 0 else 0.0
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
        parts.append(f"{len(report.done)} restored, {len(report.failed)} failed, {report.left_alone} other files left alone")
        return "\n".join(parts)
    if isinstance(report, PictureReport):
        done = f"{report.source} → {report.target}: {report.width}×{report.height} in {report.seconds:.2f} s"
        return "\n".join([done, *(f"  note: {note}" for note in report.notes)])
    pace = ""
    if report.source_fps is not None:
        pace = f" ({'faster' if report.kept_up else 'slower'} than it plays, {report.source_fps:.4g})"
    lines = [f"{report.source} → {report.target}: {report.frames} frames in {report.seconds:.1f} s, {report.fps:.1f} fps{pace}"]
    lines.append("  ms a frame, p50/p95/p99: " + ", ".join(_stage(name, stage) for name, stage in report.stages.items()))
    lines.extend(f"  note: {note}" for note in report.notes)
    return "\n".join(lines)


def _stage(name: str, stage: dict[str, float]) -> str:
    return f"{name} {stage['p50_ms']:.1f}/{stage['p95_ms']:.1f}/{stage['p99_ms']:.1f}"
