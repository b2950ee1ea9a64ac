"""Owns restoring a video, a picture, or a folder of either, and the report of it; knows nothing of terminals.

A video that cannot be read to its end, or written, leaves nothing under the target's name. In a folder the other files are still
restored, and what failed is in the report.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.errors import BackendError, ClearwayError, PictureError, SourceError, UsageError
from runtime.manifest import MINIMUM_SIDE
from runtime.pictures import PICTURE_SUFFIXES, left_behind, read_picture, write_picture
from runtime.restorer import Restorer
from runtime.timing import StageTimes
from video.finish import Finish, FinishOptions
from video.flicker import Flicker
from video.frame import Frame, VideoInfo
from video.pipeline import run_pipeline
from video.sinks.file import CONTAINERS, EncodeOptions, VideoSink
from video.sources.file import Damage, FileSource, open_video
from video.target import TO_REPLACE, check_target, make_folder

VIDEO_SUFFIXES = frozenset((".mp4", ".mov", ".mkv", ".m4v", ".avi", ".webm", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".wmv", ".3gp"))

Progress = Callable[[int, int | None], None]  # frames done, frames announced


@dataclass(frozen=True)
class VideoReport:
    source: str
    target: str
    width: int
    height: int
    frames: int
    seconds: float
    fps: float
    source_fps: float | None
    kept_up: bool | None  # at least as fast as it plays; None where the source has no rate
    model: str
    backend: str  # which and why, in words
    stages: dict[str, dict[str, float]]  # StageTimes.as_dict()
    notes: tuple[str, ...]  # what a careful person wants to know of this file: assumed colours, damage, rounding
    steady: bool  # steadied against flicker
    flicker: Flicker | None  # None unless it was asked for, and there were frames to compare

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class PictureReport:
    source: str
    target: str
    width: int
    height: int
    seconds: float
    model: str
    backend: str
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class FolderReport:
    done: tuple[VideoReport | PictureReport, ...]
    failed: tuple[tuple[str, str], ...]  # path, why
    left_alone: int  # files that are neither pictures nor videos

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def restore_video(
    source: Path,
    target: Path,
    restorer: Restorer,
    options: EncodeOptions | None = None,
    *,
    finish: FinishOptions | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> VideoReport:
    times = StageTimes()
    started = time.perf_counter()
    check_file(source, target, overwrite=overwrite)
    with open_video(source, copies=True) as video:
        info, scale = video.info, restorer.manifest.graph.scale
        if min(info.width, info.height) < MINIMUM_SIDE:
            size = f"{info.width}×{info.height}"
            raise SourceError(f"{source}: at least {MINIMUM_SIDE}×{MINIMUM_SIDE} pixels were expected, {size} came; use a larger video")
        written = dataclasses.replace(info, width=info.width * scale, height=info.height * scale)
        done, after = 0, Finish(finish or FinishOptions(), times)

        def work(frame: Frame) -> Frame:
            after.keep(frame)
            with _named(f"{source}, frame {frame.index}"):
                return dataclasses.replace(frame, image=restorer(frame.image).image)

        def count(frames: int) -> None:
            nonlocal done
            done = frames
            if progress is not None:
                progress(frames, info.frames)

        with VideoSink(target, written, options, copy_from=video, overwrite=overwrite) as sink:
            run_pipeline(video, work, sink.write, workers=restorer.choice.backend.depth, after=after, times=times, progress=count)
    return _report(video, sink, restorer, after, frames=done, seconds=time.perf_counter() - started, times=times)


@contextmanager
def _named(what: str) -> Iterator[None]:
    """A restorer knows only of an array; which one it was is said here."""
    try:
        yield
    except (BackendError, PictureError) as error:
        raise type(error)(f"{what}: {error}") from error


def _report(
    video: FileSource, sink: VideoSink, restorer: Restorer, after: Finish, *, frames: int, seconds: float, times: StageTimes
) -> VideoReport:
    rate = float(video.info.average_rate) if video.info.average_rate else None
    fps = frames / seconds
    return VideoReport(
        source=str(video.path),
        target=str(sink.path),
        width=sink.info.width,
        height=sink.info.height,
        frames=frames,
        seconds=seconds,
        fps=fps,
        source_fps=rate,
        kept_up=None if rate is None else fps >= rate,
        model=restorer.manifest.name,
        backend=restorer.choice.describe(),
        stages=times.as_dict(),
        notes=_notes(video.info, video, sink),
        steady=after.options.steady,
        flicker=after.flicker(),
    )


def restore_picture(source: Path, target: Path, restorer: Restorer, *, overwrite: bool = False) -> PictureReport:
    started = time.perf_counter()
    check_file(source, target, overwrite=overwrite)
    picture = read_picture(source)
    left = left_behind(source)
    with _named(str(source)):
        image = restorer(picture).image
    write_picture(target, image)
    return PictureReport(
        source=str(source),
        target=str(target),
        width=image.shape[1],
        height=image.shape[0],
        seconds=time.perf_counter() - started,
        model=restorer.manifest.name,
        backend=restorer.choice.describe(),
        notes=tuple(f"not carried over: {what}" for what in left),
    )


def restore_folder(
    source: Path,
    target: Path,
    restorer: Restorer,
    options: EncodeOptions | None = None,
    *,
    finish: FinishOptions | None = None,
    overwrite: bool = False,
    begins: Callable[[Path], None] | None = None,
    progress: Progress | None = None,
) -> FolderReport:
    """Every picture and video below `source`, under the same names below `target`. `begins` hears of each file."""
    plan, failed, left_alone = plan_folder(source, target, overwrite=overwrite)
    make_folder(target)
    done: list[VideoReport | PictureReport] = []
    for origin, goal in plan:
        if begins is not None:
            begins(origin)
        try:
            make_folder(goal.parent)
            if is_picture(origin):
                done.append(restore_picture(origin, goal, restorer, overwrite=overwrite))
            else:
                done.append(restore_video(origin, goal, restorer, options, finish=finish, overwrite=overwrite, progress=progress))
        except (ClearwayError, OSError) as error:
            failed.append((str(origin), str(error)))
    return FolderReport(tuple(done), tuple(failed), left_alone)


def plan_folder(source: Path, target: Path, *, overwrite: bool) -> tuple[list[tuple[Path, Path]], list[tuple[str, str]], int]:
    """What would become what; the folders that cannot be read, and why; how many other files there are.

    All that is wrong with the names is said here, before the work.
    """
    inside = target.resolve()
    if inside.is_relative_to(source.resolve()):
        raise UsageError(f"{target}: the output folder is in the input folder; name one outside of it")
    if target.exists() and not target.is_dir():
        raise UsageError(f"{target}: a folder was expected for the output, a file is there; name a folder")
    errors: list[OSError] = []
    walked = os.walk(source, onerror=errors.append)
    files = sorted(path for folder, _, names in walked for name in names if (path := Path(folder, name)).is_file())
    seen = [path for path in files if not _hidden(path.relative_to(source))]
    wanted = [path for path in seen if is_picture(path) or path.suffix.lower() in VIDEO_SUFFIXES]
    unread = [
        (error.filename, f"{error.filename}: this folder cannot be read ({error.strerror}); change its permissions")
        for error in errors
        if not _hidden(Path(error.filename).relative_to(source))
    ]
    if unread and not wanted:
        raise SourceError(unread[0][1])
    if not wanted:
        raise UsageError(f"{source}: pictures or videos were expected, none is there; name another folder")
    plan = [(path, target / goal_of(path.relative_to(source))) for path in wanted]
    origins: dict[Path, Path] = {}
    for path, goal in plan:
        if (other := origins.setdefault(goal, path)) is not path:
            raise UsageError(f"{path}: would become {goal}, and so would {other}; rename one of them")
    if not overwrite and (there := [goal for _, goal in plan if goal.exists()]):
        raise UsageError(f"{there[0]}: exists already (and {len(there) - 1} more); name another folder, or {TO_REPLACE}")
    return plan, unread, len(files) - len(wanted)


def _hidden(name: Path) -> bool:
    """Not meant: thumbnails, what a crash left half written, and the ._clip.mp4 that macOS puts on memory cards."""
    return any(part.startswith(".") for part in name.parts)


def is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_SUFFIXES


def goal_of(name: Path) -> Path:
    """The same name; a container that is not written becomes Matroska, which holds whatever was in it: a.avi → a.avi.mkv."""
    if is_picture(name) or name.suffix.lower() in CONTAINERS:
        return name
    return name.with_name(f"{name.name}.mkv")


def check_file(source: Path, target: Path, *, overwrite: bool) -> None:
    """All that is wrong with the name of one file's result, said before the seconds that loading a model takes."""
    check_target(target, sorted(PICTURE_SUFFIXES) if is_picture(source) else CONTAINERS, source=source, overwrite=overwrite)


def _notes(info: VideoInfo, source: FileSource, sink: VideoSink) -> tuple[str, ...]:
    notes = []
    if info.color_assumed:
        notes.append(f"the source does not say its colour {', '.join(info.color_assumed)}: {info.color.matrix.name} was assumed")
    if info.bit_depth > 8:
        notes.append(f"the source has {info.bit_depth} bits a channel, the result 8")
    if info.interlaced:
        notes.append("the source is interlaced; it was restored as it is stored, without deinterlacing")
    if source.further_videos:
        plural = "s were copied as they are" if source.further_videos > 1 else " was copied as it is"
        notes.append(f"{source.further_videos} further video stream{plural}: only the first is restored")
    notes.extend(_damage(source.damage))
    if sink.rounded:
        notes.append(f"Matroska counts milliseconds: the times of {sink.rounded} frames were rounded (.mp4 keeps them)")
    if sink.retimed:
        notes.append(f"{sink.retimed} packets of sound or subtitles shared their time with the one before and were moved by a tick")
    if sink.left_out:
        notes.append(f"not carried over: {', '.join(sink.left_out)}")
    return tuple(notes)


def _damage(damage: Damage) -> list[str]:
    where = f" (the first at {float(damage.first):.2f} s)" if damage.first is not None else ""
    said = {
        "were damaged in the source, and were restored as the decoder patched them": damage.patched,
        "could not be decoded and are missing": damage.lost,
        "had no time of their own, or one before their predecessor's, and were given the next possible one": damage.retimed,
    }
    return [f"{count} frames {what}{where}" for what, count in said.items() if count]
